using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using Relay.Dns;
using Relay.Telemetry;

namespace Relay.Flow.Abuse;

/// <summary>
/// One list of addresses in DNS (RFC 5782), and whether it can be trusted to be one: it is asked about clients only while it lists 127.0.0.2 and doesn't list 127.0.0.1 (§5), for IPv6 while ::FFFF:7F00:1 isn't listed. A zone that is gone
/// and answers everything lists nobody that way. Any thread.
/// </summary>
internal sealed class DnsList(DnsListOptions options, IDnsResolver dns, TimeProvider time, RelayMetrics metrics, ILogger log)
{
    /// <summary>Zones end, and resolvers are moved behind limits, once in a while.</summary>
    private static readonly TimeSpan TestEvery = TimeSpan.FromHours(1);

    private static readonly TimeSpan TestAgainEvery = TimeSpan.FromMinutes(5);

    /// <summary>Of a list's own words, so that they fit a reply's line.</summary>
    private const int MaximumText = 200;

    private static readonly IPAddress Listed = IPAddress.Parse("127.0.0.2");
    private static readonly IPAddress NotListed = IPAddress.Parse("127.0.0.1");
    private static readonly IPAddress NotListed6 = IPAddress.Parse("::ffff:127.0.0.1");

    private long _nextTest;
    private volatile bool _isUsable;
    private volatile bool _isUsable6;
    private bool? _said;

    private enum Answer
    {
        NotListed,
        Listed,
        Failed,

        /// <summary>It says that it won't answer us, or it is no such list.</summary>
        Unusable,
    }

    public DnsListOptions Options => options;

    public bool IsUsable => _isUsable;

    /// <summary>Asks the list about the addresses that it has to know, when it is time. One at a time.</summary>
    public async Task TestAsync(CancellationToken cancel)
    {
        if (time.GetTimestamp() < Volatile.Read(ref _nextTest))
        {
            return;
        }

        (Answer listed, string why) = await AskAsync(Listed, anyAnswer: true, cancel).ConfigureAwait(false);
        string? fault = listed == Answer.Listed ? null : listed == Answer.NotListed ? "127.0.0.2 isn't listed" : why;
        if (fault is null)
        {
            (Answer notListed, why) = await AskAsync(NotListed, anyAnswer: true, cancel).ConfigureAwait(false);
            fault = notListed == Answer.NotListed ? null : notListed == Answer.Listed ? "127.0.0.1 is listed" : why;
        }

        _isUsable6 = fault is null && (await AskAsync(NotListed6, anyAnswer: true, cancel).ConfigureAwait(false)).Answer == Answer.NotListed;
        Judge(fault);
    }

    /// <summary>Whether the list has the client, by an answer that counts. No, when it can't be found out.</summary>
    public async Task<bool> HasAsync(IPAddress client, CancellationToken cancel)
    {
        if (client.AddressFamily == AddressFamily.InterNetwork ? !_isUsable : !_isUsable6)
        {
            return false;
        }

        (Answer answer, string why) = await AskAsync(client, anyAnswer: false, cancel).ConfigureAwait(false);
        if (answer == Answer.Unusable)
        {
            Judge(why);
        }

        metrics.ListAnswered(answer switch { Answer.Listed => "listed", Answer.NotListed => "not_listed", Answer.Failed => "failed", _ => "unusable" });
        return answer == Answer.Listed;
    }

    /// <summary>Why the list has the client, in its own words; empty when it doesn't say.</summary>
    public async Task<string> TextAsync(IPAddress client, CancellationToken cancel)
    {
        DnsAnswer<string> answer = await dns.TxtAsync(Name(client), cancel).ConfigureAwait(false);
        return answer.Records.Count == 0 ? "" : Printable(answer.Records[0]);
    }

    /// <summary>RFC 5782 §2.1 and §2.4: octets, or nibbles, from the last to the first.</summary>
    internal static string Reversed(IPAddress address)
    {
        byte[] octets = address.GetAddressBytes();
        var name = new StringBuilder(2 * 32);
        for (int i = octets.Length - 1; i >= 0; i--)
        {
            _ = address.AddressFamily == AddressFamily.InterNetwork ? name.Append(octets[i]) : name.Append("0123456789abcdef"[octets[i] & 15]).Append('.').Append("0123456789abcdef"[octets[i] >> 4]);
            name.Append('.');
        }

        return name.ToString();
    }

    private static string Printable(string text) => string.Create(Math.Min(text.Length, MaximumText), text, static (line, from) =>
    {
        for (int i = 0; i < line.Length; i++)
        {
            line[i] = from[i] is >= ' ' and <= '~' ? from[i] : '?';
        }
    });

    private string Name(IPAddress address) => Reversed(address) + options.Zone;

    private async Task<(Answer Answer, string Why)> AskAsync(IPAddress address, bool anyAnswer, CancellationToken cancel)
    {
        DnsAnswer<IPAddress> answer = await dns.Ipv4Async(Name(address), cancel).ConfigureAwait(false);
        if (answer.Status != DnsStatus.Found)
        {
            return answer.Status == DnsStatus.TemporaryFailure ? (Answer.Failed, LogText.Clean(answer.Reason)) : (Answer.NotListed, "");
        }

        bool counts = false;
        foreach (IPAddress record in answer.Records)
        {
            byte[] octets = record.GetAddressBytes();
            if (octets[0] != 127)
            {
                // A parked domain, or a resolver that has something to sell for every name.
                return (Answer.Unusable, $"{record} is no answer of a list");
            }

            if (octets is [127, 255, 255, _])
            {
                return (Answer.Unusable, $"it answers {record}, which means that it refuses to answer");
            }

            counts |= anyAnswer || options.Answers.Count == 0 || options.Answers.Any(a => a.Contains(record));
        }

        return (counts ? Answer.Listed : Answer.NotListed, "");
    }

    private void Judge(string? fault)
    {
        _isUsable = fault is null;
        _isUsable6 &= fault is null;
        Volatile.Write(ref _nextTest, time.GetTimestamp() + (long)((fault is null ? TestEvery : TestAgainEvery).TotalSeconds * time.TimestampFrequency));
        // Once for each change: the list may be asked by a thousand sessions at once.
        lock (options)
        {
            if (_said == fault is null)
            {
                return;
            }

            _said = fault is null;
        }

        if (fault is null)
        {
            AbuseLog.ListUsable(log, options.Zone);
        }
        else
        {
            AbuseLog.ListUnusable(log, options.Zone, fault);
        }
    }
}

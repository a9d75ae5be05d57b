using System.Net;
using Microsoft.Extensions.Logging;
using Relay.Dns;
using Relay.Telemetry;

namespace Relay.Flow.Abuse;

/// <summary>The DNS lists of one configuration. All are asked at once; what fails has nothing against the client. Any thread.</summary>
internal sealed class DnsLists(IReadOnlyList<DnsListOptions> options, IDnsResolver dns, TimeProvider time, RelayMetrics metrics, ILogger log)
{
    private readonly DnsList[] _lists = [.. options.Select(o => new DnsList(o, dns, time, metrics, log))];

    public IDnsResolver Dns => dns;

    public bool IsEmpty => _lists.Length == 0;

    /// <summary>For tests: whether all can be asked.</summary>
    public bool AreUsable => Array.TrueForAll(_lists, static l => l.IsUsable);

    public Task TestAsync(CancellationToken cancel) => Task.WhenAll(_lists.Select(l => l.TestAsync(cancel)));

    public bool IsFor(IReadOnlyList<DnsListOptions> other, IDnsResolver otherDns) => ReferenceEquals(dns, otherDns) && _lists.Select(static l => l.Options).SequenceEqual(other);

    /// <summary>Ends within the resolver's time limit. With a list's words only when the score is so high.</summary>
    public async Task<DnsVerdict> JudgeAsync(IPAddress client, int threshold, CancellationToken cancel)
    {
        bool[] has = await Task.WhenAll(_lists.Select(l => l.HasAsync(client, cancel))).ConfigureAwait(false);
        int score = 0;
        DnsList? worst = null;
        for (int i = 0; i < has.Length; i++)
        {
            if (has[i])
            {
                score += _lists[i].Options.Weight;
                worst = _lists[i].Options.Weight > (worst?.Options.Weight ?? 0) ? _lists[i] : worst;
            }
        }

        return new DnsVerdict(score, worst?.Options.Zone, score >= threshold && worst is not null ? await worst.TextAsync(client, cancel).ConfigureAwait(false) : "");
    }
}

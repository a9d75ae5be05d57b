using System.Collections.Concurrent;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Relay.Flow.Accept;
using Relay.Fuzz.Oracles;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Testing;

namespace Relay.Fuzz;

/// <summary>A relay that sessions are played against, beside the oracle: a new connection for each, one at a time.</summary>
internal sealed partial class SessionRun : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly ErrorLog _log = new();
    private readonly List<(string From, string Recipients, string Body)> _accepted = [];
    private readonly SlowLimits _limits;
    private readonly MemoryRelay _relay;

    /// <summary><paramref name="errors"/>: so many refused commands, and the client is shown out.</summary>
    public SessionRun(int errors)
    {
        const Extensions Offered = Extensions.Pipelining | Extensions.Size | Extensions.EightBitMime | Extensions.EnhancedStatusCodes | Extensions.SmtpUtf8 | Extensions.Chunking | Extensions.BinaryMime |
            Extensions.DeliverBy | Extensions.MtPriority | Extensions.Limits;
        _limits = new SlowLimits("relay.example.net", Offered, 2048, 2000, 5, errors, 100);
        var limits = new LimitOptions { MessageSize = _limits.Message, Recipients = _limits.Recipients, Errors = errors };
        _relay = new MemoryRelay(MemoryRelay.Options with { Limits = limits, Smtp = new SmtpOptions { BinaryMime = true, MaximumHold = TimeSpan.Zero } }, _log) { Accepted = Take };
    }

    /// <summary>Sends all pieces one after the other, ends the connection, and compares what was answered and what was spooled with the oracle. Gives the codes of all replies.</summary>
    public IReadOnlyList<int> Compare(string sent, IEnumerable<byte[]> pieces)
    {
        var oracle = new SlowSession(_limits);
        oracle.Read(sent);
        lock (_gate)
        {
            _accepted.Clear();
            MemoryClient client = _relay.Connect();
            foreach (byte[] piece in pieces)
            {
                client.Send(piece);
            }

            string answer = client.Finish();
            Check.True(_log.Errors.IsEmpty, $"the log has an error: {_log.Errors.FirstOrDefault()}");
            Check.True(ReplyLines().IsMatch(answer), $"these are no replies: {answer}");
            int[] codes = [.. LastLines().Matches(answer).Select(static m => int.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture))];
            Check.Equal(string.Join(' ', oracle.Codes), string.Join(' ', codes), "replies");
            Check.Equal(oracle.Mail.Count, _accepted.Count, "messages");
            for (int i = 0; i < _accepted.Count; i++)
            {
                SlowMail mail = oracle.Mail[i];
                (string from, string recipients, string body) = _accepted[i];
                Check.Equal(mail.From, from, "sender");
                Check.Equal(mail.Recipients, recipients, "recipients");
                Check.True(body.EndsWith(mail.Body, StringComparison.Ordinal) && Received().IsMatch(body[..^mail.Body.Length]), $"body: {mail.Body} was sent, {body} is spooled");
            }

            return codes;
        }
    }

    public ValueTask DisposeAsync() => _relay.DisposeAsync();

    private void Take(SpooledMessage message, SpoolBody body)
    {
        byte[] octets = new byte[body.Length];
        body.Read(0, octets);
        var recipients = new StringBuilder();
        foreach (ReadOnlySpan<byte> recipient in message.Envelope)
        {
            recipients.Append(recipients.Length == 0 ? "" : " ").Append(Octets.Text(recipient));
        }

        _accepted.Add((Octets.Text(message.Envelope.ReversePath), recipients.ToString(), Octets.Text(octets)));
    }

    // Every 2yz, 4yz and 5yz but the greeting and the answer to EHLO and HELO carries an enhanced code (RFC 2034 §4).
    [GeneratedRegex(@"\A220 [ -~]+\r\n(?:(?:354 [ -~]+|250[ -](?:relay\.example\.net|[0-9A-Z-]+(?: [0-9A-Z=]+)*)|(?:([245])[0-9][0-9])[ -]\1\.[0-9]\.[0-9]+ [ -~]+)\r\n)*\z")]
    private static partial Regex ReplyLines();

    [GeneratedRegex("^([0-9]{3}) ", RegexOptions.Multiline)]
    private static partial Regex LastLines();

    [GeneratedRegex(@"\AReceived: from [^\r\n]+\r\n(?:\t[^\r\n]+\r\n){2}\z")]
    private static partial Regex Received();

    /// <summary>Keeps what a relay must never have to say, whatever a client does.</summary>
    private sealed class ErrorLog : ILogger
    {
        public ConcurrentQueue<string> Errors { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (exception is not null || logLevel >= LogLevel.Error)
            {
                Errors.Enqueue($"{formatter(state, exception)} {exception}");
            }
        }
    }
}

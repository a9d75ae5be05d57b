using SmtpBlaster.Net;
using SmtpBlaster.Report;
using SmtpBlaster.Sink;

namespace Relay.Fuzz.Targets;

/// <summary>
/// The load tool's sink: whatever a client says, commands, content behind DATA and chunks, it is answered and counted the same in pieces of any size as in one. The first octet chooses among SMTP, LMTP, STARTTLS and rules.
/// </summary>
internal sealed class BlasterSinkTarget : IFuzzTarget
{
    // A command line, before it is too long.
    private const int MostKept = 64 * 1024;

    private static readonly SinkWorker[] Workers =
    [
        Worker(new SinkOptions { Listen = [] }),
        Worker(new SinkOptions { Listen = [], Lmtp = true }),
        // StartTls alone: nothing here does a handshake.
        Worker(new SinkOptions { Listen = [], Tls = TlsMode.StartTls }),
        Worker(new SinkOptions
        {
            Listen = [],
            Rules = [Rule("rcpt domain=*.gone.test reply=550 5.1.1 no"), Rule("rcpt domain=down.test reply=421 4.3.2 down"), Rule("rcpt domain=drop.test drop"), Rule("end domain=full.test reply=452 4.2.2 full"), Rule("data domain=bad.test reply=554 5.6.0 no"), Rule("end domain=twice.test twice")],
        }),
    ];

    public static string Name => "blaster-sink";

    public static IReadOnlyList<string> Tokens =>
    [
        "EHLO x\r\n", "LHLO x\r\n", "HELO x\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<u7@d1.test>\r\n", "RCPT TO:<u8@x.gone.test>\r\n", "RCPT TO:<u9@full.test>\r\n", "RCPT TO:<@down.test>\r\n", "RCPT TO:<a@drop.test>\r\n", "RCPT TO:<a@bad.test>\r\n", "RCPT TO:<a@twice.test>\r\n",
        "DATA\r\n", "BDAT 4\r\nNOOP", "BDAT 0 LAST\r\n", "BDAT 3 last\r\nabc", "BDAT 9999999999999999999\r\n", "BDAT -1\r\n", "BDAT 0\r\n", "RSET\r\n", "NOOP\r\n", "QUIT\r\n", "STARTTLS\r\n", "\r\n", ".\r\n", "\r\n.\r\n", "\r\n..", "A: b\r\n\r\n",
        "X-Blaster: 0000000a 7 2 5 1 00000000\r\n\r\n", "\n", "\r", "99999999999999999999",
    ];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        SinkWorker worker = Workers[input.IsEmpty ? 0 : input[0] % Workers.Length];
        byte[] octets = input.IsEmpty ? [] : input[1..].ToArray();
        string whole = InPieces(worker, octets, int.MaxValue);
        foreach (int size in (int[])[1, 2, 3, 31])
        {
            Check.Equal(whole, InPieces(worker, octets, size), $"what is said and counted of pieces of {size}");
        }

        string[] lines = whole.Split("\r\n");
        return HashCode.Combine(input.IsEmpty ? 0 : input[0] % Workers.Length, Math.Min(lines.Length, 16), lines[^1], lines.Length > 1 ? lines[^2][..3] : "");
    }

    /// <summary>Replies and counts.</summary>
    private static string InPieces(SinkWorker worker, byte[] octets, int size)
    {
        SinkCounters counters = worker.Counters;
        (long messages, long recipients, long length, long unmarked, long altered) = (counters.Messages, counters.Recipients, counters.Octets, counters.Unmarked, counters.Altered);
        var replies = new SinkReplies(worker);
        var dialogue = new SinkDialogue(worker, replies);
        dialogue.Begin();
        byte[] rest = [];
        foreach (byte[] piece in octets.Chunk(size))
        {
            rest = [.. rest, .. piece];
            rest = rest[dialogue.Take(rest)..];
            Check.True(rest.Length <= MostKept, "more is kept than a line");
            Check.True(replies.Delay == 0 && replies.Slow == 0, "nobody asked for time");
            if (replies.IsFull)
            {
                break;
            }
        }

        return $"{Octets.Text(replies.Text)}{(replies.Ends ? "end" : replies.StartsTls ? "tls" : "")} {dialogue.IsIdle} {counters.Messages - messages} {counters.Recipients - recipients} {counters.Octets - length} {counters.Unmarked - unmarked} {counters.Altered - altered}";
    }

    private static SinkWorker Worker(SinkOptions options) => new(new SinkRun(options, null), new Timeline(1, Clock.Second, null), 0);

    private static SinkRule Rule(string text) => SinkRule.Parse(text, out SinkRule rule) is { } wrong ? throw new ArgumentException(wrong, nameof(text)) : rule;
}

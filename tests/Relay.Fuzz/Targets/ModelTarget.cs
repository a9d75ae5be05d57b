namespace Relay.Fuzz.Targets;

/// <summary>
/// Each octet of the input is a command, well-formed or not, in any order (C16): what the session answers and what it spools must be what RFC 5321 §4.1.4 as a small state machine
/// (<see cref="Oracles.SlowSession"/>) says. Once command by command, once in one write.
/// </summary>
internal sealed class ModelTarget : IFuzzTarget
{
    // What a message says is numbered, so that one can't pass for another.
    private static readonly Func<int, string[]>[] Commands =
    [
        static _ => ["EHLO client.example\r\n"],
        static _ => ["HELO client.example\r\n"],
        static _ => ["EHLO\r\n"],
        static i => [$"MAIL FROM:<sender{i}@a.example>\r\n"],
        static i => [$"MAIL FROM:<sender{i}@a.example>\r\n"],
        static _ => ["MAIL FROM:<> SIZE=10 BODY=8BITMIME\r\n"],
        static _ => ["MAIL FROM:<not an address>\r\n"],
        static _ => ["MAIL FROM:<a@b.example> SIZE=2001\r\n"],
        static i => [$"RCPT TO:<recipient{i}@b.example>\r\n"],
        static i => [$"RCPT TO:<recipient{i % 3}@b.example>\r\n"],
        static _ => ["RCPT TO:<Postmaster>\r\n"],
        static _ => ["RCPT TO:<a..b@b.example>\r\n"],
        static i => ["DATA\r\n", $"Subject: {i}\r\n\r\n..message {i}\r\n.\r\n"],
        static i => ["DATA\r\n", $"Subject: {i}\r\n\r\nmessage {i}\r\n.\r\n"],
        static i => ["DATA\r\n", $"Subject: {i}\r\n\r\nbare\nline feed\r\n.\r\n"],
        static _ => ["DATA now\r\n"],
        static _ => ["MAIL FROM:<a@b.example> BODY=BINARYMIME SMTPUTF8 BY=120;R\r\n"],
        static _ => ["RCPT TO:<\u00C3\u00BC@b.example>\r\n"],
        static i => ["BDAT 9\r\n", $"chunk {i % 10}\r\n"],
        static i => ["BDAT 9 LAST\r\n", $"chunk {i % 10}\r\n"],
        static _ => ["BDAT 4 LAST\r\n", "a\nb."],
        static _ => ["BDAT 0 LAST\r\n"],
        static _ => ["BDAT 2001\r\n", new string('x', 2001)],
        static _ => ["AUTH PLAIN AHVzZXIAcGFzcw==\r\n"],
        static _ => ["AUTH\r\n"],
        static _ => ["XCLIENT ADDR=192.0.2.1\r\n"],
        static _ => ["RSET\r\n"],
        static _ => ["NOOP\r\n"],
        static _ => ["VRFY somebody\r\n"],
        static _ => ["HELP\r\n"],
        static _ => ["STARTTLS\r\n"],
        static _ => ["XYZZY\r\n"],
        static _ => ["QUIT\r\n"],
    ];

    private static readonly SessionRun Run = new(errors: int.MaxValue);

    public static string Name => "model";

    public static IReadOnlyList<string> Tokens => ["\0\u0003\u0008\u000C", "\0", "\u0003\u0008", "\u0010"];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        var pieces = new List<byte[]>();
        for (int i = 0; i < input.Length; i++)
        {
            pieces.AddRange(Commands[input[i] % Commands.Length](i).Select(Octets.Of));
        }

        byte[] sent = [.. pieces.SelectMany(static p => p)];
        IReadOnlyList<int> codes = Run.Compare(Octets.Text(sent), pieces);
        Run.Compare(Octets.Text(sent), [sent]);
        var outcome = default(HashCode);
        foreach (int code in codes.TakeLast(3))
        {
            outcome.Add(code);
        }

        return outcome.ToHashCode();
    }
}

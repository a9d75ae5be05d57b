using System.Security.Cryptography;

namespace Relay.Fuzz.Targets;

/// <summary>All that a client sends in one connection, in one piece, octet by octet, and in two.</summary>
internal sealed class SessionTarget : IFuzzTarget
{
    private static readonly SessionRun Run = new(errors: 20);

    public static string Name => "session";

    public static IReadOnlyList<string> Tokens =>
    [
        "EHLO c\r\n", "HELO c\r\n", "MAIL FROM:<a@b.example>\r\n", "MAIL FROM:<> SIZE=100 BODY=8BITMIME\r\n", "MAIL FROM:<a@b.example> SIZE=3000\r\n", "RCPT TO:<c@d.example>\r\n", "RCPT TO:<postmaster>\r\n",
        "RCPT TO:<C@D.EXAMPLE>\r\n", "DATA\r\n", "Subject: x\r\n\r\nbody\r\n.\r\n", ".\r\n", "\r\n.\r\n", "\r\n..\r\n", "\n.\n", "\r.\r", "RSET\r\n", "NOOP\r\n", "VRFY a\r\n", "HELP\r\n", "QUIT\r\n", "STARTTLS\r\n",
        "AUTH PLAIN =\r\n", "BDAT 3\r\nabc", "BDAT 3 LAST\r\na\r\n", "BDAT 0 LAST\r\n", "BDAT ", " LAST", "MAIL FROM:<> BODY=BINARYMIME\r\n", " SMTPUTF8", " BY=9;R", "XYZZY\r\n", "GET / HTTP/1.1\r\n", "\r\n", "\r", "\n", "\0", "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n", "Received: x\r\n",
    ];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string sent = Octets.Text(input);
        byte[] octets = input.ToArray();
        IReadOnlyList<int> codes = Run.Compare(sent, [octets]);
        // Cut in two at a place that depends on the input alone.
        int cut = octets.Length < 2 ? octets.Length : SHA256.HashData(octets)[0] * octets.Length / 256;
        Run.Compare(sent, [octets[..cut], octets[cut..]]);
        Run.Compare(sent, octets.Chunk(1));
        var outcome = default(HashCode);
        foreach (int code in codes.Take(12))
        {
            outcome.Add(code);
        }

        return outcome.ToHashCode();
    }
}

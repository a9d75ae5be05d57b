using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A message as the next hop got it: the arguments of MAIL and RCPT as they stood on the wire, and the unstuffed content. <see cref="At"/> is the timestamp
/// (Stopwatch ticks) of its end of data.
/// </summary>
internal sealed record ArrivedMessage(string Sender, IReadOnlyList<string> Recipients, byte[] Content, bool Encrypted, long At)
{
    public string Text => Encoding.Latin1.GetString(Content);

    /// <summary>The path in angle brackets, without parameters.</summary>
    public string ReversePath => Path(Sender);

    public IEnumerable<string> ForwardPaths => Recipients.Select(Path);

    /// <summary>What the client had handed in: the content without the trace field that the relay put on top (RFC 5321 §4.4).</summary>
    public ReadOnlySpan<byte> Original
    {
        get
        {
            ReadOnlySpan<byte> rest = Content;
            if (!rest.StartsWith("Received: "u8))
            {
                return rest;
            }

            do
            {
                rest = rest[(rest.IndexOf("\r\n"u8) + 2)..];
            }
            while (rest.Length > 0 && rest[0] is (byte)' ' or (byte)'\t');
            return rest;
        }
    }

    public string? Header(string name)
    {
        string head = Encoding.Latin1.GetString(Content.AsSpan(0, Math.Max(0, Content.AsSpan().IndexOf("\r\n\r\n"u8))));
        return head.Split("\r\n").FirstOrDefault(line => line.StartsWith(name + ": ", StringComparison.OrdinalIgnoreCase))?[(name.Length + 2)..];
    }

    private static string Path(string argument) => argument[(argument.IndexOf('<', StringComparison.Ordinal) + 1)..argument.IndexOf('>', StringComparison.Ordinal)];
}

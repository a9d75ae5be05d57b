using System.Security.Cryptography;
using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A message with an id of its own and a body of random lines, some of which begin with a dot or are empty.</summary>
internal sealed record TestMessage(string Id, byte[] Content)
{
    public const string IdHeader = "X-Test-Id";

    public string Hash { get; } = HashOf(Content);

    public static string HashOf(ReadOnlySpan<byte> content) => Convert.ToHexString(SHA256.HashData(content));

    /// <summary>The body has so many octets, the last CRLF included; at least 2.</summary>
    public static TestMessage Create(Random random, int bodyLength, string subject = "test")
    {
        string id = $"{random.NextInt64():x16}{random.NextInt64():x16}";
        byte[] head = Encoding.ASCII.GetBytes($"From: <sender@from.test>\r\nTo: <user@to.test>\r\nSubject: {subject}\r\n{IdHeader}: {id}\r\n\r\n");
        byte[] content = new byte[head.Length + bodyLength];
        head.CopyTo(content, 0);
        FillBody(random, content.AsSpan(head.Length));
        return new TestMessage(id, content);
    }

    private static void FillBody(Random random, Span<byte> body)
    {
        random.GetItems("abcdefghijklmnopqrstuvwxyz0123456789 .,-=+"u8, body);
        for (int at = 0; at + 4 < body.Length;)
        {
            if (random.Next(10) == 0)
            {
                body[at] = (byte)'.';
            }

            at = Math.Min(at + random.Next(0, 200), body.Length - 4);
            "\r\n"u8.CopyTo(body[at..]);
            at += 2;
        }

        "\r\n"u8.CopyTo(body[^2..]);
    }
}

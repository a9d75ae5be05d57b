using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Relay.Protocol.Dkim;

namespace Relay.Protocol.Tests.Dkim;

/// <summary>Canonical bodies (RFC 6376 §3.4.3, §3.4.4), against the RFC's words taken literally with a whole body at hand.</summary>
public sealed partial class DkimBodyHashTests
{
    private static readonly string[] Atoms = ["\r\n", "\r\n", " ", "  ", "\t", " \r\n", "\t \r\n", "a", "word", ".", "\r", "\n", "\n\r", "x y", "\0", "\xe4"];

    public static TheoryData<string> Bodies =>
    [
        "", "\r\n", "\r\n\r\n", "\r\n\r\n\r\n", " ", " \r\n", "\t\r\n \r\n", "x", "x\r\n", "x\r\n\r\n", "x \r\n \r\n", " C \r\nD \t E\r\n\r\n\r\n", "x\r", "x \r", "x\r\r\n", "x\n", "\n", "\r", "\r\r", " \r \r\n", "a  b\r\n",
        "a\tb", "a \tb \t\r\n c", "a b c d e\r\n", "a b  c\td \r\n\r\nb", "\r\n\r\nx", "x\r\n\r\n\r\ny\r\n\r\n",
    ];

    [Theory]
    [InlineData(DkimCanonicalization.Simple, "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=")]
    [InlineData(DkimCanonicalization.Relaxed, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")]
    public void An_empty_body_has_the_hash_that_the_RFC_names(DkimCanonicalization form, string hash) => Assert.Equal(hash, Hash(form, [Array.Empty<byte>()]));

    [Theory]
    [MemberData(nameof(Bodies))]
    public void M8_a_body_is_hashed_as_the_RFC_says_wherever_it_is_cut(string body)
    {
        byte[] octets = Segments.Bytes(body);
        foreach (ReadOnlySequence<byte> cut in Segments.EverySplit(octets))
        {
            Assert.Equal(Literally(DkimCanonicalization.Simple, body), Hash(DkimCanonicalization.Simple, Pieces(cut)));
            Assert.Equal(Literally(DkimCanonicalization.Relaxed, body), Hash(DkimCanonicalization.Relaxed, Pieces(cut)));
        }
    }

    [Fact]
    public void M8_ten_thousand_random_bodies_in_random_pieces_agree_with_the_RFC_taken_literally()
    {
        var random = new Random(6376);
        using var simple = new DkimBodyHash(DkimCanonicalization.Simple);
        using var relaxed = new DkimBodyHash(DkimCanonicalization.Relaxed);
        for (int i = 0; i < 10_000; i++)
        {
            var text = new StringBuilder();
            int atoms = random.Next(i % 100 == 0 ? 3000 : 30);
            for (int atom = 0; atom < atoms; atom++)
            {
                text.Append(Atoms[random.Next(Atoms.Length)]);
            }

            string body = text.ToString();
            byte[] octets = Segments.Bytes(body);
            var pieces = new List<byte[]>();
            for (int at = 0; at < octets.Length;)
            {
                int length = random.Next(1, Math.Min(octets.Length - at, 1 + random.Next(200)) + 1);
                pieces.Add(octets[at..(at + length)]);
                at += length;
            }

            Assert.Equal(Literally(DkimCanonicalization.Simple, body), Hash(simple, pieces));
            Assert.Equal(Literally(DkimCanonicalization.Relaxed, body), Hash(relaxed, pieces));
        }
    }

    [Theory]
    [InlineData("a\tb ")]
    [InlineData("a  b\t")]
    [InlineData("a b\r")]
    [InlineData("\r\n")]
    public void A_megabyte_of_what_has_to_be_looked_at_octet_by_octet_takes_no_longer_than_in_proportion(string piece)
    {
        byte[] octets = Segments.Bytes(string.Concat(Enumerable.Repeat(piece, 1024 * 1024 / piece.Length)));
        using var hash = new DkimBodyHash(DkimCanonicalization.Relaxed);

        // In the square of the length this would be hours.
        Hash(hash, [octets]);
    }

    [Fact]
    public void What_was_reset_leaves_nothing_behind()
    {
        using var hash = new DkimBodyHash(DkimCanonicalization.Relaxed);
        hash.Append("something \r\n\r\n \r"u8);
        hash.Reset();
        Assert.Equal(Literally(DkimCanonicalization.Relaxed, "x\r\n"), Hash(hash, [Segments.Bytes("x\r\n")]));
    }

    private static string Literally(DkimCanonicalization form, string body)
    {
        if (form == DkimCanonicalization.Relaxed)
        {
            // The end of the body ends a line too.
            body = BeforeLineEnd().Replace(body, "");
            body = Space().Replace(body, " ");
        }

        while (body.EndsWith("\r\n", StringComparison.Ordinal))
        {
            body = body[..^2];
        }

        body = body.Length == 0 && form == DkimCanonicalization.Relaxed ? "" : body + "\r\n";
        return Convert.ToBase64String(SHA256.HashData(Segments.Bytes(body)));
    }

    private static string Hash(DkimCanonicalization form, IEnumerable<byte[]> pieces)
    {
        using var hash = new DkimBodyHash(form);
        return Hash(hash, pieces);
    }

    private static string Hash(DkimBodyHash hash, IEnumerable<byte[]> pieces)
    {
        foreach (byte[] piece in pieces)
        {
            hash.Append(piece);
        }

        byte[] result = new byte[32];
        hash.Finish(result);
        return Convert.ToBase64String(result);
    }

    private static List<byte[]> Pieces(ReadOnlySequence<byte> body)
    {
        var pieces = new List<byte[]>();
        foreach (ReadOnlyMemory<byte> piece in body)
        {
            pieces.Add(piece.ToArray());
        }

        return pieces;
    }

    [GeneratedRegex(@"[ \t]+(?=\r\n|\z)", RegexOptions.None, 10_000)]
    private static partial Regex BeforeLineEnd();

    [GeneratedRegex(@"[ \t]+", RegexOptions.None, 10_000)]
    private static partial Regex Space();
}

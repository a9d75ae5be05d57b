using System.Buffers;
using System.Text;
using Relay.Dkim;
using Relay.Protocol.Dkim;

namespace Relay.Tests.Dkim;

public sealed class MessageSigningTests : IDisposable
{
    private static readonly string[] Bodies =
    [
        "", "\r\n", "\r\n\r\n\r\n", "x", "Hello \r\n \t \r\n\r\n", "no final line end", ".\r\n..\r\n.x\r\n", "\ttab\t \ttab  \r\n", new string('l', 5000) + "\r\n", " \r\n", "a  b\tc\r\n\r\n\r\n\r\nend\r\n\r\n",
    ];

    private readonly TestKeys _keys = new();

    public void Dispose() => _keys.Dispose();

    [Theory]
    [InlineData(DkimCanonicalization.Simple, DkimCanonicalization.Simple)]
    [InlineData(DkimCanonicalization.Simple, DkimCanonicalization.Relaxed)]
    [InlineData(DkimCanonicalization.Relaxed, DkimCanonicalization.Simple)]
    [InlineData(DkimCanonicalization.Relaxed, DkimCanonicalization.Relaxed)]
    public void M8_both_algorithms_and_all_forms_are_verified_by_MimeKit(DkimCanonicalization header, DkimCanonicalization body)
    {
        var signer = Signer(_keys.Add("example.net", "rsa", false, header, body), _keys.Add("example.net", "ed", true, header, body));
        foreach (string text in Bodies)
        {
            byte[] signed = Sign(signer, "From: A <a@example.net>\r\nSubject:  two\r\n\tlines \r\nTo: x@example.org\r\nTo: y@example.org\r\n\r\n" + text);

            Assert.Equal(2, _keys.Verify(signed));
        }
    }

    [Fact]
    public void M8_ten_thousand_random_messages_are_verified_by_MimeKit()
    {
        var random = new Random(8463);
        var relaxed = Signer(_keys.Add("example.net", "relaxed", ed25519: true));
        var simple = Signer(_keys.Add("example.net", "simple", true, DkimCanonicalization.Simple, DkimCanonicalization.Simple));
        string[] atoms = [" ", "  ", "\t", "\r\n", " \r\n", "\r\n\r\n", "word", "words and words", "=20", ".", "<p>", "----", "From: x", "\xe4\xf6"];
        for (int i = 0; i < 10_000; i++)
        {
            var text = new StringBuilder("From: \"A, B\" (comment)\r\n  <a@example.net>\r\n");
            for (int field = random.Next(8); field > 0; field--)
            {
                text.Append(new[] { "Subject", "To", "DATE", "X-Other", "Content-Type", "Cc", "subject" }[random.Next(7)]).Append(new[] { ":", ": ", " :", ":\t" }[random.Next(4)]);
                for (int word = random.Next(5); word > 0; word--)
                {
                    text.Append("value").Append(new[] { " ", "  ", "\r\n ", "\r\n\t \t", "\t" }[random.Next(5)]);
                }

                text.Append("end\r\n");
            }

            text.Append("\r\n");
            for (int atom = random.Next(40); atom > 0; atom--)
            {
                text.Append(atoms[random.Next(atoms.Length)]);
            }

            byte[] signed = Sign(i % 2 == 0 ? relaxed : simple, text.ToString(), random);

            Assert.True(_keys.Verify(signed) == 1, $"message {i}");
        }
    }

    [Theory]
    [InlineData("From: a@example.net", 1)]
    [InlineData("FROM: a@EXAMPLE.Net", 1)]
    [InlineData("From: a@sub.example.net", 0)]
    [InlineData("From: a@below.example.org", 1)]
    [InlineData("From: a@far.below.example.org", 1)]
    [InlineData("From: a@example.org", 0)]
    [InlineData("From: a@b\u00fccher.example", 1)]
    [InlineData("From: a@xn--bcher-kva.example", 1)]
    [InlineData("From: a@other.example", 0)]
    [InlineData("Subject: nobody", 0)]
    [InlineData("From: a@example.net\r\nFrom: b@example.net", 1)]
    [InlineData("From: a@example.net\r\nFrom: b@other.example", 0)]
    [InlineData("From: b@other.example\r\nFrom: a@example.net", 0)]
    public void Mail_is_signed_with_the_keys_that_are_for_the_domain_in_its_From_field(string header, int signatures)
    {
        var signer = Signer(
            _keys.Add("example.net", "a"), _keys.Add("example.org", "b", false, DkimCanonicalization.Relaxed, DkimCanonicalization.Relaxed, "*.example.org"), _keys.Add("xn--bcher-kva.example", "c"));

        byte[] signed = Sign(signer, header + "\r\n\r\nx\r\n", encoding: Encoding.UTF8);

        Assert.Equal(signatures, _keys.Verify(signed));
    }

    [Fact]
    public void A_key_for_all_domains_signs_beside_those_for_one()
    {
        var signer = Signer(_keys.Add("example.net", "a"), _keys.Add("esp.example", "b", false, DkimCanonicalization.Relaxed, DkimCanonicalization.Simple, "*"));

        Assert.Equal(2, _keys.Verify(Sign(signer, "From: a@example.net\r\n\r\nx\r\n")));
        Assert.Equal(1, _keys.Verify(Sign(signer, "From: a@example.com\r\n\r\nx\r\n")));
    }

    [Fact]
    public void What_is_changed_afterwards_is_not_verified_any_more()
    {
        var signer = Signer(_keys.Add("example.net", "a"));
        string signed = Encoding.Latin1.GetString(Sign(signer, "From: a@example.net\r\nSubject: x\r\n\r\nbody\r\n"));
        foreach (string changed in new[]
        {
            signed.Replace("body", "b0dy", StringComparison.Ordinal), signed.Replace("Subject: x", "Subject: y", StringComparison.Ordinal),
            signed.Replace("From: a", "From: ceo@example.net\r\nFrom: a", StringComparison.Ordinal), signed.Replace("Subject: x", "Subject: z\r\nSubject: x", StringComparison.Ordinal),
            signed + "more\r\n",
        })
        {
            Assert.ThrowsAny<Exception>(() => _keys.Verify(Encoding.Latin1.GetBytes(changed)));
        }

        Assert.Equal(1, _keys.Verify(Encoding.Latin1.GetBytes("Received: from a\r\n" + signed.Replace("Subject: x", "Subject:   x ", StringComparison.Ordinal))));
    }

    [Fact]
    public void However_many_keys_and_fields_there_are_what_is_put_in_front_is_bounded()
    {
        DkimKeyOptions key = _keys.Add("example.net", "a", ed25519: true);
        var signer = Signer([.. Enumerable.Range(0, 200).Select(_ => key)]);
        string many = string.Concat(Enumerable.Range(0, 1900).Select(static i => new[] { "To", "Cc", "Subject", "List-Unsubscribe-Post", "Content-Transfer-Encoding" }[i % 5] + ": x\r\n"));

        byte[] signed = Sign(signer, "From: a@example.net\r\n" + many + "\r\nx\r\n");

        Assert.InRange(signed.Length - many.Length, 40_000, ushort.MaxValue + 100);
        Assert.InRange(_keys.Verify(signed), 20, 199);
    }

    [Fact]
    public void Without_keys_there_is_nothing_that_signs()
    {
        using var signer = new MessageSigner(DkimKeys.None);
        Assert.Null(signer.Begin(new ArrayBufferWriter<byte>()));
    }

    [Fact]
    public void Many_at_a_time_don_t_mix()
    {
        var signer = Signer(_keys.Add("example.net", "a"), _keys.Add("example.net", "b", ed25519: true));
        Parallel.For(0, 400, i => Assert.Equal(2, _keys.Verify(Sign(signer, $"From: a@example.net\r\nSubject: {i}\r\n\r\n{new string('x', i * 7)}\r\n"))));
    }

    private static MessageSigner Signer(params DkimKeyOptions[] keys) => new(DkimKeys.Load(keys));

    /// <summary>The message as it would be stored, with its signatures in front.</summary>
    private static byte[] Sign(MessageSigner signer, string message, Random? random = null, Encoding? encoding = null)
    {
        byte[] octets = (encoding ?? Encoding.Latin1).GetBytes(message);
        var stored = new ArrayBufferWriter<byte>();
        MessageSigning signing = signer.Begin(stored)!;
        for (int at = 0; at < octets.Length;)
        {
            int length = Math.Min(octets.Length - at, random?.Next(1, 100) ?? 4096);
            signing.Write(octets.AsSpan(at, length));
            at += length;
        }

        byte[] signed = [.. signing.Sign(DateTimeOffset.UnixEpoch.AddDays(20000)), .. stored.WrittenSpan];
        signer.Return(signing);
        Assert.Equal(octets, stored.WrittenSpan.ToArray());
        return signed;
    }
}

using System.Buffers;
using CsCheck;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

public class ReplyReaderTests
{
    private static (ReplyStatus Status, PeerReply Reply, long Left) Read(ReadOnlySequence<byte> buffer)
    {
        ReplyStatus status = ReplyReader.TryRead(ref buffer, out PeerReply reply);
        return (status, reply, buffer.Length);
    }

    private static (ReplyStatus Status, PeerReply Reply, long Left) Read(string bytes) => Read(new ReadOnlySequence<byte>(Segments.Bytes(bytes)));

    [Theory]
    [InlineData("250 2.1.0 sender ok\r\n", 250, "2.1.0", "sender ok")]
    [InlineData("250 ok\r\n", 250, "", "ok")]
    [InlineData("250 ok\n", 250, "", "ok")]
    [InlineData("250\r\n", 250, "", "")]
    [InlineData("250 \r\n", 250, "", "")]
    [InlineData("354 go on\r\n", 354, "", "go on")]
    [InlineData("550 5.1.1\r\n", 550, "5.1.1", "")]
    [InlineData("550 5.1.1 <x>: unknown\r\n", 550, "5.1.1", "<x>: unknown")]
    [InlineData("550-5.1.1 The account\r\n550-5.1.1 does not\r\n550 5.1.1 exist\r\n", 550, "5.1.1", "The account does not exist")]
    [InlineData("550-5.1.1 one\r\n550 two\r\n", 550, "5.1.1", "one two")]
    [InlineData("250-x\r\n250-\r\n250 y\r\n", 250, "", "x y")]
    [InlineData("250-\r\n250\r\n", 250, "", "")]
    [InlineData("550 4.1.1 of another class\r\n", 550, "", "4.1.1 of another class")]
    [InlineData("451 4.7.1\tgrey\tlisted\r\n", 451, "", "4.7.1 grey listed")]
    public void A_reply_is_read_from_any_split_and_only_when_it_is_whole(string bytes, int code, string enhanced, string text)
    {
        byte[] wire = Segments.Bytes(bytes);
        foreach (ReadOnlySequence<byte> buffer in Segments.EverySplit([.. wire, .. "250 next\r\n"u8]))
        {
            (ReplyStatus status, PeerReply reply, long left) = Read(buffer);
            Assert.Equal((ReplyStatus.Done, code, enhanced, text, 10), (status, reply.Code, reply.Enhanced.ToString(), reply.Text, left));
        }

        for (int i = 0; i < wire.Length; i++)
        {
            Assert.Equal((ReplyStatus.NeedMoreData, default, i), Read(Segments.Cut(wire[..i], 4)));
        }
    }

    [Theory]
    [InlineData("2200 x\r\n")]
    [InlineData("25\r\n")]
    [InlineData("250x\r\n")]
    [InlineData("\r\n")]
    [InlineData("150 x\r\n")]
    [InlineData("650 x\r\n")]
    [InlineData("2a0 x\r\n")]
    [InlineData("250-x\r\n251 y\r\n")]
    [InlineData("250-x\r\n550 y\r\n")]
    [InlineData("250-x\r\ny\r\n")]
    [InlineData("250 a\0b\r\n")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n")]
    [InlineData("SSH-2.0-x\r\n")]
    public void L3_what_is_no_reply_is_malformed_and_stays_in_the_buffer(string bytes)
    {
        foreach (ReadOnlySequence<byte> buffer in Segments.EverySplit(Segments.Bytes(bytes)))
        {
            Assert.Equal((ReplyStatus.Malformed, default, bytes.Length), Read(buffer));
        }
    }

    [Fact]
    public void L3_length_has_limits()
    {
        Assert.Equal(ReplyStatus.Done, Read("250 " + new string('x', 994) + "\r\n").Status);
        Assert.Equal(ReplyStatus.Malformed, Read("250 " + new string('x', 995) + "\r\n").Status);
        Assert.Equal(ReplyStatus.NeedMoreData, Read(new string('2', 999)).Status);
        Assert.Equal(ReplyStatus.Malformed, Read(new string('2', 1000)).Status);
        Assert.Equal(ReplyStatus.Malformed, Read(string.Concat(Enumerable.Repeat("250-and so on\r\n", 10_000)) + "250 end\r\n").Status);
        Assert.Equal(ReplyStatus.Malformed, Read(Segments.Cut(Segments.Bytes(string.Concat(Enumerable.Repeat("250-and so on\r\n", 10_000))), 1000)).Status);
        Assert.Equal(ReplyStatus.Done, Read(string.Concat(Enumerable.Repeat("250-and so on\r\n", 4000)) + "250 end\r\n").Status);
    }

    [Fact]
    public void J13_the_text_is_one_printable_line_of_bounded_length()
    {
        string text = Read("550 a\rb\x1b[31mc\x7f\xff\xc3\xa9\xe2\x80\xae\xc2\x85z\r\n").Reply.Text;
        Assert.Equal("a?b?[31mc?\uFFFDé??z", text);
        string full = Read(string.Concat(Enumerable.Repeat("550-" + new string('w', 300) + "\r\n", 10)) + "550 x\r\n").Reply.Text;
        Assert.Equal(PeerReply.MaximumTextLength, full.Length);
        string astral = Read("550-" + new string('w', 900) + "\r\n550 " + string.Concat(Enumerable.Repeat("\xf0\x9f\x98\x80", 60)) + "\r\n").Reply.Text;
        Assert.InRange(astral.Length, 999, 1000);
        Assert.False(char.IsHighSurrogate(astral[^1]));
    }

    [Fact]
    public void Any_octets_give_an_answer_and_never_throw() => Check.Sample(
        Gen.Select(Gen.OneOf(Gen.Byte.Array[0, 40], Gen.OneOf<string>("250", "-", " ", "\r\n", "\n", "5.1.1", "x", "\0", "\xf0\x9f", "550").Array[0, 12].Select(static p => Segments.Bytes(string.Concat(p)))), Gen.Int[1, 9]),
        static (bytes, piece) =>
        {
            var whole = Read(new ReadOnlySequence<byte>(bytes));
            Assert.Equal(whole, Read(Segments.Cut(bytes, piece)));
            Assert.True(whole.Status == ReplyStatus.Done || whole.Left == bytes.Length);
            Assert.DoesNotContain(whole.Reply.Text ?? "", char.IsControl);
        },
        iter: 20_000);

    [Fact]
    public void The_text_is_the_only_allocation()
    {
        byte[] wire = Segments.Bytes("250 2.1.5 recipient ok\r\n");
        string text = "recipient ok";
        long one = Allocations.Of(() => _ = new string(text.AsSpan()));
        Assert.Equal(one, Allocations.Of(() =>
        {
            var buffer = new ReadOnlySequence<byte>(wire);
            ReplyReader.TryRead(ref buffer, out _);
        }));
    }

    [Fact]
    public void Keywords_of_an_EHLO_reply_are_read_in_any_case()
    {
        var buffer = new ReadOnlySequence<byte>(Segments.Bytes(
            "250-mx.example at your service SIZE\r\n250-PIPELINING\r\n250-size 35882577\r\n250-8bitmime\r\n250-STARTTLS\r\n250-X-UNKNOWN a b\r\n250-AUTH PLAIN\r\n250-Chunking\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n354 next\r\n"));
        Assert.Equal(ReplyStatus.Done, ReplyReader.TryReadEhlo(ref buffer, out PeerReply reply, out ServerExtensions extensions));
        Assert.Equal((250, 10), (reply.Code, buffer.Length));
        Assert.True(extensions is { Pipelining: true, EightBitMime: true, StartTls: true, Chunking: true, Dsn: true, EnhancedStatusCodes: true, SmtpUtf8: true, BinaryMime: false, SizeLimit: 35882577 });
        Assert.StartsWith("mx.example at your service", reply.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("250 mx.example\r\n", null)]
    [InlineData("250 SIZE 100\r\n", null)]
    [InlineData("250-mx\r\n250 PIPELINING\r\n", null)]
    [InlineData("250-mx\r\n250 SIZE\r\n", 0L)]
    [InlineData("250-mx\r\n250 SIZE 0\r\n", 0L)]
    [InlineData("250-mx\r\n250 SIZE many\r\n", 0L)]
    [InlineData("250-mx\r\n250 SIZE 99999999999999999999\r\n", long.MaxValue)]
    [InlineData("502-mx\r\n502 SIZE 100\r\n", null)]
    public void A_size_limit_is_none_unlimited_or_a_number(string bytes, long? limit)
    {
        var buffer = new ReadOnlySequence<byte>(Segments.Bytes(bytes));
        Assert.Equal(ReplyStatus.Done, ReplyReader.TryReadEhlo(ref buffer, out _, out ServerExtensions extensions));
        Assert.Equal(limit, extensions.SizeLimit);
    }

    [Fact]
    public void The_later_keywords_and_the_limits_are_read_too()
    {
        ServerExtensions extensions = Ehlo("250-mx\r\n250-REQUIRETLS\r\n250-DELIVERBY 240\r\n250-FUTURERELEASE 100 2026-11-25T00:00:00Z\r\n250-MT-PRIORITY MIXER\r\n250-XCLIENT NAME\r\n" +
            "250-AUTH PLAIN\r\n250 limits rcptmax=20 MAILMAX=5 RCPTDOMAINMAX=1 NEWMAX=7\r\n");
        Assert.True(extensions is { RequireTls: true, DeliverBy: true, FutureRelease: true, MtPriority: true, RecipientLimit: 20, MailLimit: 5, RecipientDomainLimit: 1 });
        Assert.True(extensions.Offered.HasFlag(Extensions.Limits | Extensions.Auth | Extensions.XClient));
    }

    [Theory]
    [InlineData("LIMITS")]
    [InlineData("LIMITS RCPTMAX")]
    [InlineData("LIMITS RCPTMAX=0")]
    [InlineData("LIMITS RCPTMAX=-1")]
    [InlineData("LIMITS RCPTMAX=1000000")]
    [InlineData("LIMITS RCPTMAX=x")]
    [InlineData("LIMITS =1 RCPTMAX=5")]
    public void A_limit_that_is_none_is_none(string keyword) => Assert.Null(Ehlo($"250-mx\r\n250 {keyword}\r\n").RecipientLimit);

    private static ServerExtensions Ehlo(string bytes)
    {
        var buffer = new ReadOnlySequence<byte>(Segments.Bytes(bytes));
        Assert.Equal(ReplyStatus.Done, ReplyReader.TryReadEhlo(ref buffer, out _, out ServerExtensions extensions));
        return extensions;
    }
}

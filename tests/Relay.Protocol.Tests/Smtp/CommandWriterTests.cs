using System.Buffers;
using System.Text;
using CsCheck;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

public class CommandWriterTests
{
    private static string Written(Action<IBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        return Encoding.Latin1.GetString(output.WrittenSpan);
    }

    private static string Mail(string reversePath, in MailArguments arguments)
    {
        var output = new ArrayBufferWriter<byte>();
        CommandWriter.Mail(output, Encoding.UTF8.GetBytes(reversePath), arguments);
        return Encoding.Latin1.GetString(output.WrittenSpan);
    }

    [Fact]
    public void Commands_read_as_the_RFC_writes_them()
    {
        Assert.Equal("EHLO relay.example\r\n", Written(static o => CommandWriter.Ehlo(o, "relay.example")));
        Assert.Equal("HELO relay.example\r\n", Written(static o => CommandWriter.Helo(o, "relay.example")));
        Assert.Equal("STARTTLS\r\n", Written(CommandWriter.StartTls));
        Assert.Equal("MAIL FROM:<>\r\n", Written(static o => CommandWriter.Mail(o, [])));
        Assert.Equal("MAIL FROM:<a@b> SIZE=0\r\n", Mail("a@b", new MailArguments { Size = 0 }));
        Assert.Equal("MAIL FROM:<a@b> SIZE=9223372036854775807 BODY=8BITMIME\r\n", Mail("a@b", new MailArguments { Size = long.MaxValue, Body = BodyType.EightBitMime }));
        Assert.Equal("MAIL FROM:<a@b> BODY=7BIT\r\n", Mail("a@b", new MailArguments { Body = BodyType.SevenBit }));
        Assert.Equal("MAIL FROM:<\xce\xb4@b> SIZE=1 BODY=8BITMIME SMTPUTF8\r\n", Mail("δ@b", new MailArguments { Size = 1, Body = BodyType.EightBitMime, SmtpUtf8 = true }));
        Assert.Equal(
            "MAIL FROM:<a@b> BODY=BINARYMIME BY=-5;NT MT-PRIORITY=-9 AUTH=e+3Dmc2@example.com\r\n",
            Mail("a@b", new MailArguments { Body = BodyType.BinaryMime, DeliverBy = new DeliverBy(-5, DeliverByMode.Notify, true), Priority = -9, Submitter = "e+3Dmc2@example.com"u8 }));
        Assert.Equal("MAIL FROM:<a@b> BY=120;R AUTH=<>\r\n", Mail("a@b", new MailArguments { DeliverBy = new DeliverBy(120, DeliverByMode.Return, false), Submitter = "<>"u8 }));
        Assert.Equal("BDAT 0 LAST\r\n", Written(static o => CommandWriter.Bdat(o, 0, last: true)));
        Assert.Equal("BDAT 9223372036854775807\r\n", Written(static o => CommandWriter.Bdat(o, long.MaxValue, last: false)));
        Assert.Equal("RCPT TO:<a@b>\r\n", Written(static o => CommandWriter.Rcpt(o, "a@b"u8)));
        Assert.Equal("DATA\r\n", Written(CommandWriter.Data));
        Assert.Equal("RSET\r\n", Written(CommandWriter.Rset));
        Assert.Equal("QUIT\r\n", Written(CommandWriter.Quit));
    }

    [Theory]
    [InlineData("a\r@b")]
    [InlineData("a\n@b")]
    [InlineData("a\0@b")]
    [InlineData("a@b>\r\nRCPT TO:<c@d")]
    public void L24_an_address_that_would_break_the_line_is_never_written(string address)
    {
        var output = new ArrayBufferWriter<byte>();
        Assert.Throws<InvalidOperationException>(() => CommandWriter.Mail(output, Segments.Bytes(address)));
        Assert.Throws<InvalidOperationException>(() => CommandWriter.Rcpt(output, Segments.Bytes(address)));
        Assert.Throws<InvalidOperationException>(() => CommandWriter.Ehlo(output, address));
        Assert.Throws<InvalidOperationException>(() => CommandWriter.Mail(output, "a@b"u8, new MailArguments { Submitter = Segments.Bytes(address) }));
        Assert.Equal(0, output.WrittenCount);
    }

    [Fact]
    public void L24_what_the_parser_accepts_comes_out_as_the_same_path_on_one_line() => Check.Sample(
        Gen.OneOf<string>("a", "\"", "\\", " ", ">", "<", "@", ".", "x.example", "[1.2.3.4]", "\r", "\n", "\0", "é", "\"q\"", ":", ",").Array[1, 8],
        static parts =>
        {
            byte[] line = [.. "RCPT TO:<"u8, .. Encoding.UTF8.GetBytes(string.Concat(parts)), .. ">"u8];
            if (CommandParser.Parse(line, Extensions.SmtpUtf8, out Command command) is null)
            {
                var output = new ArrayBufferWriter<byte>();
                CommandWriter.Rcpt(output, command.Path);
                ReadOnlySequence<byte> buffer = new(output.WrittenMemory);
                Assert.Equal(LineStatus.Line, LineReader.TryRead(ref buffer, new byte[512], out ReadOnlySpan<byte> written));
                Assert.True(buffer.IsEmpty);
                Assert.Null(CommandParser.Parse(written, Extensions.SmtpUtf8, out Command again));
                Assert.Equal(Encoding.UTF8.GetString(command.Path), Encoding.UTF8.GetString(again.Path));
            }
        },
        iter: 50_000);

    [Fact]
    public void Nothing_is_allocated()
    {
        var output = new ArrayBufferWriter<byte>(4096);
        Assert.Equal(0, Allocations.Of(() =>
        {
            output.ResetWrittenCount();
            CommandWriter.Ehlo(output, "relay.example");
            CommandWriter.Mail(output, "a@b"u8, new MailArguments { Size = 12345, Body = BodyType.EightBitMime, Priority = 3, Submitter = "a@b"u8 });
            CommandWriter.Bdat(output, 12345, last: true);
            CommandWriter.Rcpt(output, "c@d"u8);
            CommandWriter.Data(output);
        }));
    }
}

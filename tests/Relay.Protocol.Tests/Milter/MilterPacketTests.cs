using System.Buffers;
using System.Net;
using System.Text;
using Relay.Protocol.Milter;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Tests.Milter;

public class MilterPacketTests
{
    [Fact]
    public void A_packet_is_read_when_it_is_whole_however_it_is_cut()
    {
        byte[] two = Octets("\0\0\0\u0001c\0\0\0\u0006yabcde");
        for (int length = 0; length <= two.Length; length++)
        {
            var buffer = new ReadOnlySequence<byte>(two, 0, length);
            MilterPacketStatus first = MilterPacket.TryRead(ref buffer, out MilterReplyKind kind, out ReadOnlySequence<byte> data);
            Assert.Equal(length < 5 ? MilterPacketStatus.NeedMoreData : MilterPacketStatus.Done, first);
            Assert.Equal(length < 5 ? length : length - 5, buffer.Length);
            Assert.Equal(length < 5 ? MilterReplyKind.None : MilterReplyKind.Continue, kind);
            MilterPacketStatus second = MilterPacket.TryRead(ref buffer, out kind, out data);
            Assert.Equal(length < two.Length ? MilterPacketStatus.NeedMoreData : MilterPacketStatus.Done, second);
        }

        var all = new ReadOnlySequence<byte>(two, 5, two.Length - 5);
        MilterPacket.TryRead(ref all, out _, out ReadOnlySequence<byte> last);
        Assert.Equal("abcde", Encoding.Latin1.GetString(last));
    }

    [Theory]
    [InlineData("\0\0\0\0")]
    [InlineData("\u00ff\u00ff\u00ff\u00ffc")]
    [InlineData("\u0080\0\0\u0001c")]
    [InlineData("\0\u0004\0\u0001c")]
    public void A_length_that_cannot_be_is_malformed_at_once(string packet)
    {
        var buffer = new ReadOnlySequence<byte>(Octets(packet));
        Assert.Equal(MilterPacketStatus.Malformed, MilterPacket.TryRead(ref buffer, out _, out _));
    }

    [Fact]
    public void Commands_are_as_libmilter_reads_them()
    {
        var output = new ArrayBufferWriter<byte>();
        MilterWriter.Negotiate(output, MilterNegotiation.Offer);
        Assert.Equal("\0\0\0\u000dO\0\0\0\u0006\0\0\u0001\u00ff\0\u001f\u00ff\u00ff", Text(output));

        Assert.Equal("mail.example\u00004\u001f\u0090192.0.2.1\0", Data(w => MilterWriter.ConnectData(w, "mail.example", new IPEndPoint(IPAddress.Parse("192.0.2.1"), 8080))));
        Assert.Equal("[::1]\u00006\0\u0019fe80::1\0", Data(w => MilterWriter.ConnectData(w, "[::1]", new IPEndPoint(IPAddress.Parse("fe80::1%3"), 25))));
        Assert.Equal("x\0L\0\0/run/x\0", Data(w => MilterWriter.ConnectData(w, "x", "/run/x")));
        Assert.Equal("unknown\0U", Data(w => MilterWriter.ConnectData(w, "unknown", (IPEndPoint?)null)));
        Assert.Equal("<a@b>\0SIZE=1\0BODY=8BITMIME\0", Data(w => MilterWriter.PathData(w, "a@b"u8, " SIZE=1 \tBODY=8BITMIME "u8)));
        Assert.Equal("<>\0", Data(w => MilterWriter.PathData(w, [], [])));
        Assert.Equal("Subject\0\tone\n\ttwo\0", Data(w => MilterWriter.HeaderData(w, Octets("Subject: \tone\r\n\ttwo\0\r\n"), 7, false)));
        Assert.Equal("Subject\0 \tone\0", Data(w => MilterWriter.HeaderData(w, "Subject : \tone\r\n"u8, 7, true)));
    }

    [Theory]
    [InlineData("550 5.7.1 no\0", "550 5.7.1 no")]
    [InlineData("451 later\0", "451 4.7.1 later")]
    [InlineData("550 5.1.1 100%% sure\0", "550 5.1.1 100% sure")]
    [InlineData("550-5.1.1 one\r\n550 5.1.1 two\r\n\0", "550 5.1.1 one\ntwo")]
    [InlineData("550-one\r\n550 \0", "550 5.7.1 one\n")]
    [InlineData("559 5.7.1 odd\0", "559 5.7.1 odd")]
    [InlineData("250 2.0.0 fine\0", null)]
    [InlineData("350 go on\0", null)]
    [InlineData("550 5.7.2\0", null)]
    [InlineData("550 5.7.2 \0", null)]
    [InlineData("5.7.2\0", null)]
    [InlineData("550\0", null)]
    [InlineData("550 \0", null)]
    [InlineData("\0", null)]
    [InlineData("", null)]
    [InlineData("550 no end", null)]
    [InlineData("550 a\0b\0", null)]
    [InlineData("550 4.7.1 another class\0", null)]
    [InlineData("550 a\nb\0", null)]
    [InlineData("550 a\rb\0", null)]
    [InlineData("550 a\r\n250 b\0", null)]
    [InlineData("550-a\r\n551 b\0", null)]
    [InlineData("550-a\0", null)]
    [InlineData("550-5.1.1 a\r\n550 5.1.2 b\0", null)]
    [InlineData("5x0 a\0", null)]
    [InlineData("650 a\0", null)]
    public void A_reply_of_a_milter_is_one_of_smtp_or_none(string data, string? expected)
    {
        bool good = MilterReplyCode.TryRead(Octets(data), out Reply? reply);
        Assert.Equal(expected, reply?.ToString());
        Assert.Equal(expected is not null, good);
    }

    [Fact]
    public void A_reply_of_too_many_lines_is_none()
    {
        string line = "550-x\r\n";
        Assert.True(MilterReplyCode.TryRead(Octets(string.Concat(Enumerable.Repeat(line, 31)) + "550 x\0"), out _));
        Assert.False(MilterReplyCode.TryRead(Octets(string.Concat(Enumerable.Repeat(line, 32)) + "550 x\0"), out _));
    }

    [Theory]
    [InlineData('h', "X\0y\0", "0 X y")]
    [InlineData('h', "X\0\0", "0 X ")]
    [InlineData('h', "X\0y", null)]
    [InlineData('h', "X\0y\0z", null)]
    [InlineData('h', "X\0", null)]
    [InlineData('h', "\0y\0", null)]
    [InlineData('h', "X:\0y\0", null)]
    [InlineData('h', "X Y\0y\0", null)]
    [InlineData('i', "\0\0\0\u0002X\0y\0", "2 X y")]
    [InlineData('m', "\0\0\0", null)]
    [InlineData('m', "\0\0\0\u0001", null)]
    [InlineData('+', "<a@b>\0", "0 <a@b> ")]
    [InlineData('+', "<a@b>\0x\0", null)]
    [InlineData('-', "<a@b>", null)]
    [InlineData('2', "<a@b>\0NOTIFY=NEVER\0", "0 <a@b> NOTIFY=NEVER")]
    [InlineData('e', "<a@b>\0", "0 <a@b> ")]
    [InlineData('q', "reason\0", "0 reason ")]
    [InlineData('c', "\0", null)]
    public void A_change_has_its_texts_each_with_its_end(char kind, string data, string? expected)
    {
        bool good = MilterEdit.TryRead((MilterReplyKind)kind, Octets(data), out MilterEdit edit);
        Assert.Equal(expected is not null, good);
        Assert.Equal(expected ?? "", good ? $"{edit.Index} {Encoding.Latin1.GetString(edit.First)} {Encoding.Latin1.GetString(edit.Second)}" : "");
    }

    [Theory]
    [InlineData("v", false, "X: v\r\n")]
    [InlineData(" v", true, "X: v\r\n")]
    [InlineData("", false, "X: \r\n")]
    [InlineData("a\nb", false, "X: a\r\n\tb\r\n")]
    [InlineData("a\r\n b\r\n\r\n\tc\r\n", false, "X: a\r\n b\r\n\tc\r\n")]
    [InlineData("a\rFrom: x", false, "X: a\r\n\tFrom: x\r\n")]
    [InlineData("\n\n\n", false, "X: \r\n")]
    [InlineData("\n \n.\n", false, "X: \r\n\t.\r\n")]
    public void A_field_of_a_milter_is_one_field(string value, bool leadingSpace, string expected) =>
        Assert.Equal(expected, Encoding.Latin1.GetString(MilterField.Make("X"u8, Octets(value), leadingSpace)));

    [Theory]
    [InlineData("a\nb\r\nc\rd", "a\r\nb\r\nc\r\nd\r\n")]
    [InlineData("\r\r\n\n", "\r\n\r\n\r\n")]
    [InlineData("", "")]
    [InlineData("a\r", "a\r\n")]
    [InlineData("a\r\n", "a\r\n")]
    public void A_body_of_a_milter_is_made_of_lines_however_it_is_cut(string body, string expected)
    {
        for (int cut = 0; cut <= body.Length; cut++)
        {
            var output = new ArrayBufferWriter<byte>();
            var lines = default(MilterBodyLines);
            lines.Write(output, Octets(body[..cut]));
            lines.Write(output, Octets(body[cut..]));
            lines.End(output);
            Assert.Equal(expected, Text(output));
        }
    }

    private static byte[] Octets(string text) => Encoding.Latin1.GetBytes(text);

    private static string Text(ArrayBufferWriter<byte> output) => Encoding.Latin1.GetString(output.WrittenSpan);

    private static string Data(Action<IBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        return Text(output);
    }
}

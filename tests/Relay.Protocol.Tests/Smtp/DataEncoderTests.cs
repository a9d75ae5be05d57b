using System.Buffers;
using System.Text;
using CsCheck;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

public class DataEncoderTests
{
    private static readonly string[] Pieces = ["\r\n", "\r\n.", ".", "..", "\r", "\n", "x", "\xff", new string('y', 31), new string('z', 78)];

    private static string Encode(byte[] stored, int piece, bool raw = false)
    {
        var output = new ArrayBufferWriter<byte>();
        var encoder = new DataEncoder(raw);
        foreach (byte[] part in stored.Chunk(piece))
        {
            encoder.Write(part, output);
        }

        encoder.Finish(output);
        return Encoding.Latin1.GetString(output.WrittenSpan);
    }

    [Theory]
    [InlineData("", ".\r\n")]
    [InlineData("x\r\n", "x\r\n.\r\n")]
    [InlineData("x", "x\r\n.\r\n")]
    [InlineData("x\r", "x\r\r\n.\r\n")]
    [InlineData(".\r\n", "..\r\n.\r\n")]
    [InlineData(".", "..\r\n.\r\n")]
    [InlineData("a\r\n.b\r\n..c", "a\r\n..b\r\n...c\r\n.\r\n")]
    [InlineData("a.b\r\nc.\r\n", "a.b\r\nc.\r\n.\r\n")]
    public void Dots_that_begin_a_line_are_doubled_and_the_end_is_added(string stored, string wire)
    {
        for (int piece = 1; piece <= stored.Length + 1; piece++)
        {
            Assert.Equal(wire, Encode(Segments.Bytes(stored), piece));
        }
    }

    [Theory]
    [InlineData("", ".\r\n")]
    [InlineData("x\r\n", "x\r\n.\r\n")]
    [InlineData("x", "x\r\n.\r\n")]
    [InlineData("a\r\nb", "a\r\nb\r\n.\r\n")]
    [InlineData("a\r\nb\r\n", "a\r\nb\r\n.\r\n")]
    [InlineData("a\r", "a\r\r\n.\r\n")]
    [InlineData("a\n", "a\n\r\n.\r\n")]
    public void Without_leading_dots_the_stored_octets_are_the_wire_form(string stored, string wire)
    {
        for (int piece = 1; piece <= stored.Length + 1; piece++)
        {
            Assert.Equal(wire, Encode(Segments.Bytes(stored), piece, raw: true));
        }
    }

    [Fact]
    public void E4_any_octets_come_back_from_the_decoder_as_they_were() => Check.Sample(
        Gen.Select(Gen.OneOf(Gen.OneOf<string>(Pieces).Array[0, 30].Select(static p => Segments.Bytes(string.Concat(p))), Gen.Byte.Array[0, 300]), Gen.Int[1, 80]),
        static (stored, piece) =>
        {
            byte[] wire = Segments.Bytes(Encode(stored, piece));
            var output = new ArrayBufferWriter<byte>();
            DataDecoder decoder = default;
            var sequence = new ReadOnlySequence<byte>(wire);
            Assert.Equal(DataStatus.Done, decoder.Decode(sequence, output, out SequencePosition consumed));
            Assert.Equal(wire.Length, sequence.Slice(0, consumed).Length);
            string text = Encoding.Latin1.GetString(stored);
            Assert.Equal(text.Length == 0 || text.EndsWith("\r\n", StringComparison.Ordinal) ? text : text + "\r\n", Encoding.Latin1.GetString(output.WrittenSpan));
            if (!decoder.HasLeadingDot)
            {
                Assert.Equal(Encoding.Latin1.GetString(wire), Encode(stored, piece, raw: true));
            }
        },
        iter: 20_000);

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] stored = Segments.Bytes(string.Concat(Enumerable.Repeat(new string('x', 76) + "\r\n.", 100)));
        var output = new ArrayBufferWriter<byte>(64 * 1024);
        Assert.Equal(0, Allocations.Of(() =>
        {
            output.ResetWrittenCount();
            var encoder = new DataEncoder(raw: false);
            encoder.Write(stored, output);
            encoder.Finish(output);
        }));
    }
}

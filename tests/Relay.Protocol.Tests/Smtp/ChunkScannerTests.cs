using CsCheck;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

public class ChunkScannerTests
{
    private static readonly string[] Pieces =
        ["\r\n", "\r\n", "\r\n.", "\r\n.\r\n", "..", ".", "\r", "\n", "\n.", "\r.", "x", "\0", "\xff", new string('y', 29), new string('z', 78), new string('d', 31) + "."];

    private static (bool Bare, bool Dot, bool High, bool Line) Scan(byte[] text, int piece)
    {
        ChunkScanner scanner = default;
        foreach (byte[] part in text.Chunk(piece))
        {
            scanner.Scan(part);
        }

        return (scanner.HasBareLineEnding, scanner.HasLeadingDot, scanner.HasEightBit, scanner.EndsWithLine);
    }

    [Theory]
    [InlineData("", false, false, true)]
    [InlineData("x", false, false, false)]
    [InlineData("x\r\n", false, false, true)]
    [InlineData("x\r", true, false, false)]
    [InlineData("x\n", true, false, false)]
    [InlineData("\r\r\n", true, false, true)]
    [InlineData(".", false, true, false)]
    [InlineData("..", false, true, false)]
    [InlineData("a\r\n.\r\n", false, true, true)]
    [InlineData("a\r\n.\r\nb", false, true, false)]
    [InlineData("a\n.b\r\n", true, false, true)]
    [InlineData("a.b\r\n", false, false, true)]
    public void F15_line_endings_and_dots_are_noted(string text, bool bare, bool dot, bool line)
    {
        for (int piece = 1; piece <= text.Length + 1; piece++)
        {
            Assert.Equal((bare, dot, false, line), Scan(Segments.Bytes(text), piece));
        }
    }

    [Fact]
    public void F15_F20_it_agrees_with_the_obvious_reading_in_any_pieces() => Gen.Select(Gen.OneOf<string>(Pieces).Array[0, 24], Gen.Int[1, 70]).Sample(static (parts, piece) =>
    {
        string text = string.Concat(parts);
        string lines = text.Replace("\r\n", "\u0100", StringComparison.Ordinal);
        bool bare = lines.Contains('\r', StringComparison.Ordinal) || lines.Contains('\n', StringComparison.Ordinal);
        bool dot = text.StartsWith('.') || lines.Contains("\u0100.", StringComparison.Ordinal);
        return Scan(Segments.Bytes(text), piece) == (bare, dot, text.Contains('\xff', StringComparison.Ordinal), text.Length == 0 || lines.EndsWith('\u0100'));
    });

    [Fact]
    public void What_came_by_BDAT_and_what_came_by_DATA_are_judged_alike() => Gen.OneOf<string>(Pieces).Array[0, 24].Sample(static parts =>
    {
        byte[] text = Segments.Bytes(string.Concat(parts) + "\r\n");
        var wire = new System.Buffers.ArrayBufferWriter<byte>();
        var encoder = new DataEncoder(raw: false);
        encoder.Write(text, wire);
        encoder.Finish(wire);
        DataDecoder decoder = default;
        var stored = new System.Buffers.ArrayBufferWriter<byte>();
        Assert.Equal(DataStatus.Done, decoder.Decode(new System.Buffers.ReadOnlySequence<byte>(wire.WrittenMemory), stored, out _));
        Assert.Equal(text, stored.WrittenSpan);
        Assert.Equal((decoder.HasBareLineEnding, decoder.HasLeadingDot, decoder.HasEightBit, true), Scan(text, 13));
    });

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] text = Segments.Bytes(string.Concat(Enumerable.Repeat(".a line of text\r\n", 1000)));
        Assert.Equal(0, Allocations.Of(() =>
        {
            ChunkScanner scanner = default;
            scanner.Scan(text);
        }));
    }
}

using System.Buffers;
using System.Text;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

public class LineReaderTests
{
    private static (LineStatus Status, string Line, long Left) Read(ReadOnlySequence<byte> buffer, int limit = 64)
    {
        LineStatus status = LineReader.TryRead(ref buffer, new byte[limit], out ReadOnlySpan<byte> line);
        return (status, Encoding.Latin1.GetString(line), buffer.Length);
    }

    [Fact]
    public void Every_split_of_two_lines_gives_the_same_first_line()
    {
        foreach (ReadOnlySequence<byte> buffer in Segments.EverySplit(Segments.Bytes("EHLO c.example\r\nNOOP\r\n")))
        {
            Assert.Equal((LineStatus.Line, "EHLO c.example", 6), Read(buffer));
        }
    }

    [Fact]
    public void No_prefix_of_a_line_is_a_line_and_nothing_of_it_is_consumed()
    {
        byte[] bytes = Segments.Bytes("MAIL FROM:<a@b>\r\n");
        for (int i = 0; i < bytes.Length; i++)
        {
            foreach (ReadOnlySequence<byte> buffer in Segments.EverySplit(bytes[..i]))
            {
                Assert.Equal((LineStatus.NeedMoreData, "", i), Read(buffer));
            }
        }
    }

    [Fact]
    public void An_empty_line_is_a_line() => Assert.Equal((LineStatus.Line, "", 0), Read(new ReadOnlySequence<byte>("\r\n"u8.ToArray())));

    [Theory]
    [InlineData("NOOP\nRSET\r\n")]
    [InlineData("NOOP\rRSET\r\n")]
    [InlineData("NOOP\r\rRSET\r\n")]
    [InlineData("NOOP\n\r\n")]
    [InlineData("NOOP\r\r\n")]
    [InlineData("\n")]
    [InlineData("\rx")]
    public void B15_a_bare_CR_or_LF_ends_no_line_and_is_told(string bytes)
    {
        foreach (ReadOnlySequence<byte> buffer in Segments.EverySplit(Segments.Bytes(bytes)))
        {
            Assert.Equal((LineStatus.BareLineEnding, "", bytes.Length), Read(buffer));
        }
    }

    [Fact]
    public void B1_the_limit_counts_the_CRLF()
    {
        foreach (ReadOnlySequence<byte> buffer in Segments.EverySplit(Segments.Bytes(new string('x', 62) + "\r\n")))
        {
            Assert.Equal(LineStatus.Line, Read(buffer, 64).Status);
        }

        foreach (ReadOnlySequence<byte> buffer in Segments.EverySplit(Segments.Bytes(new string('x', 63) + "\r\n")))
        {
            Assert.Equal((LineStatus.TooLong, "", 65), Read(buffer, 64));
        }
    }

    [Fact]
    public void B4_a_line_without_end_is_too_long_as_soon_as_the_limit_lies_there()
    {
        Assert.Equal(LineStatus.NeedMoreData, Read(Segments.Cut(new byte[63], 7), 64).Status);
        Assert.Equal(LineStatus.TooLong, Read(Segments.Cut(new byte[64], 7), 64).Status);
        Assert.Equal(LineStatus.TooLong, Read(new ReadOnlySequence<byte>(new byte[10_000]), 64).Status);
    }

    [Fact]
    public void B5_a_line_of_lone_CRs_is_told_by_the_first_of_them_and_not_waited_for()
    {
        byte[] bytes = Segments.Bytes(string.Concat(Enumerable.Repeat(new string('A', 999) + "\r", 10)));
        foreach (int size in new[] { 1, 999, 1000, 1001, 4096 })
        {
            Assert.Equal(LineStatus.BareLineEnding, Read(Segments.Cut(bytes, size), 2048).Status);
        }
    }

    [Fact]
    public void A_line_in_one_segment_lies_in_the_buffer_itself()
    {
        byte[] bytes = Segments.Bytes("NOOP\r\n");
        var buffer = new ReadOnlySequence<byte>(bytes);
        LineReader.TryRead(ref buffer, new byte[64], out ReadOnlySpan<byte> line);
        Assert.True(line.Overlaps(bytes));
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] scratch = new byte[2048];
        ReadOnlySequence<byte> whole = new(Segments.Bytes("RCPT TO:<somebody@example.org>\r\n"));
        ReadOnlySequence<byte> cut = Segments.Cut(Segments.Bytes("RCPT TO:<somebody@example.org>\r\n"), 5);
        Assert.Equal(0, Allocations.Of(() =>
        {
            ReadOnlySequence<byte> buffer = whole;
            LineReader.TryRead(ref buffer, scratch, out _);
            buffer = cut;
            LineReader.TryRead(ref buffer, scratch, out _);
        }));
    }
}

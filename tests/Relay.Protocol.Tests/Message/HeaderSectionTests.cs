using System.Text;
using Relay.Protocol.Message;

namespace Relay.Protocol.Tests.Message;

public sealed class HeaderSectionTests
{
    [Theory]
    [InlineData("A: 1\r\nB: 2\r\n\r\nbody", "A|B", 4)]
    [InlineData("A: 1\r\n folded\r\n\tagain\r\nB : 2\r\n\r\n", "A|B", 0)]
    [InlineData("\r\nA: 1\r\n", "", 6)]
    [InlineData("A: 1\r\n", "A", 0)]
    [InlineData("A: 1", "A", 0)]
    [InlineData("", "", 0)]
    [InlineData("not a field\r\nA: 1\r\n: 2\r\nB C: 3\r\n\r\nx", "A", 1)]
    [InlineData("A: 1\r\n \r\nB: 2\r\n\r\n", "A|B", 0)]
    [InlineData("A: 1\n\nB: 2\r\n\r\nx", "A", 1)]
    public void The_fields_up_to_the_empty_line_are_found_wherever_the_text_is_cut(string message, string names, int body)
    {
        foreach (var cut in Segments.EverySplit(Segments.Bytes(message)))
        {
            var header = new HeaderSection();
            int taken = 0;
            foreach (ReadOnlyMemory<byte> piece in cut)
            {
                taken += header.Append(piece.Span);
            }

            header.End();

            Assert.Equal(names, string.Join('|', Names(header)));
            Assert.Equal(message.Length - body, taken);
        }
    }

    [Fact]
    public void A_field_has_its_name_its_value_and_its_octets()
    {
        var header = new HeaderSection();
        header.Append("X: y\r\nSubject \t: a\r\n b\r\n\r\n"u8);

        HeaderField subject = header[1];
        Assert.Equal("Subject", Encoding.ASCII.GetString(header.Name(subject)));
        Assert.Equal(" a\r\n b\r\n", Encoding.ASCII.GetString(header.Value(subject)));
        Assert.Equal("Subject \t: a\r\n b\r\n", Encoding.ASCII.GetString(header.Raw(subject)));
    }

    [Fact]
    public void A_header_without_end_is_given_up_and_nothing_more_is_kept()
    {
        var header = new HeaderSection();
        byte[] line = Segments.Bytes("X: " + new string('x', 1000) + "\r\n");
        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal(header.HasEnded ? 0 : line.Length, header.Append(line));
        }

        Assert.True(header.IsTooLong);
        Assert.Equal(0, header.Count);
    }

    [Fact]
    public void A_header_with_endless_fields_is_given_up()
    {
        var header = new HeaderSection();
        for (int i = 0; i <= HeaderSection.MaximumFields; i++)
        {
            header.Append("X: y\r\n"u8);
        }

        header.Append("\r\n"u8);

        Assert.True(header.IsTooLong);
        Assert.Equal(0, header.Count);
    }

    [Fact]
    public void It_can_be_used_again()
    {
        var header = new HeaderSection();
        header.Append("A: 1\r\n\r\n"u8);
        header.Reset();
        Assert.False(header.HasEnded);
        header.Append("B: 1\r\n\r\n"u8);
        Assert.Equal(["B"], Names(header));
    }

    private static IReadOnlyList<string> Names(HeaderSection header) => [.. Enumerable.Range(0, header.Count).Select(i => Encoding.ASCII.GetString(header.Name(header[i])))];
}

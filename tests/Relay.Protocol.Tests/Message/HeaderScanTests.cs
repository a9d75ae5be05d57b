using System.Text;
using Relay.Protocol.Message;
using Relay.Testing;

namespace Relay.Protocol.Tests.Message;

public class HeaderScanTests
{
    [Theory]
    [InlineData("", 0, false)]
    [InlineData("Received: a\r\n", 1, false)]
    [InlineData("Received: a\r\n\r\n", 1, true)]
    [InlineData("RECEIVED: a\r\nreceived:\r\nReceived : x\r\n\r\nReceived: in the body\r\n", 2, true)]
    [InlineData("Subject: Received: a\r\n\tReceived: folded\r\nX-Received: b\r\nReceived-SPF: c\r\nReceive: d\r\nReceived: e\r\n\r\n", 1, true)]
    [InlineData("\r\nReceived: a\r\n", 0, true)]
    [InlineData("Received\x1a a\r\nReceived\r\n: b\r\n", 0, false)]
    [InlineData("a\r\n\rb\r\nReceived: x\r\n", 1, false)]
    public void J5_Received_fields_of_the_header_are_counted_in_any_pieces(string text, int count, bool ended)
    {
        byte[] bytes = Segments.Bytes(text);
        for (int piece = 1; piece <= bytes.Length + 1; piece++)
        {
            HeaderScan scan = default;
            foreach (byte[] part in bytes.Chunk(piece))
            {
                scan.Scan(part);
            }

            Assert.Equal((count, ended), (scan.ReceivedCount, scan.Ended));
        }
    }

    [Fact]
    public void E15_a_huge_header_is_counted_and_nothing_is_allocated()
    {
        byte[] header = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("Received: from a by b\r\n", 10_000)));
        int count = 0;
        Assert.Equal(0, Allocations.Of(() =>
        {
            HeaderScan scan = default;
            scan.Scan(header);
            count = scan.ReceivedCount;
        }));
        Assert.Equal(10_000, count);
    }
}

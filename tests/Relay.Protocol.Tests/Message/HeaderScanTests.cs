using System.Buffers;
using System.Text;
using CsCheck;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
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

    [Theory]
    [InlineData(".Received: a\r\n.\r\n", 1, true)]
    [InlineData(".Received: a\r\n\r\n", 1, true)]
    [InlineData("..Received: a\r\n...Received: b\r\nReceived: c\r\n\r\n", 1, true)]
    [InlineData("R.eceived: a\r\n. Received: b\r\n.\r.Received: c\r\n", 0, false)]
    [InlineData("X: a\r\n.received: b\r\n.RECEIVED: c\r\n", 2, false)]
    public void J5_by_DATA_a_dot_in_front_of_the_line_is_not_of_the_line(string text, int count, bool ended)
    {
        byte[] bytes = Segments.Bytes(text);
        for (int piece = 1; piece <= bytes.Length + 1; piece++)
        {
            var scan = new HeaderScan(stuffed: true);
            foreach (byte[] part in bytes.Chunk(piece))
            {
                scan.Scan(part);
            }

            Assert.Equal((count, ended), (scan.ReceivedCount, scan.Ended));
        }
    }

    [Fact]
    public void J5_by_BDAT_a_dot_is_of_the_line()
    {
        HeaderScan scan = default;
        scan.Scan(".Received: a\r\n..Received: b\r\nReceived: c\r\n"u8);
        Assert.Equal(1, scan.ReceivedCount);
    }

    [Fact]
    public void J5_the_wire_and_what_is_decoded_from_it_have_the_same_fields() =>
        Gen.OneOf<string>("Received:", "received:", "\r\n", "\r\n", "\r\n.", "\r\n..", ".", "x", " ").Array[0, 20].Sample(static parts =>
        {
            byte[] wire = Segments.Bytes(string.Concat(parts) + "\r\n.\r\n");
            DataDecoder decoder = default;
            var stored = new ArrayBufferWriter<byte>();
            Assert.Equal(DataStatus.Done, decoder.Decode(new ReadOnlySequence<byte>(wire), stored, out SequencePosition end));
            // What lies behind the end isn't header; a message without an empty line ends with it.
            HeaderScan plain = default;
            plain.Scan(stored.WrittenSpan);
            var upToEnd = new HeaderScan(stuffed: true);
            upToEnd.Scan(wire.AsSpan(0, end.GetInteger()));
            Assert.Equal(plain.ReceivedCount, upToEnd.ReceivedCount);
        });

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

using System.Text;
using Relay.Spool;
using SmtpBlaster.Messages;
using SmtpBlaster.Tests.Harness;

namespace SmtpBlaster.Tests.Messages;

public sealed class ContentReaderTests
{
    [Fact]
    public void A_message_is_read_the_same_in_pieces_of_every_size()
    {
        byte[] wire = Encoding.Latin1.GetBytes("A: b\r\nX-Blaster: 0000000a 7 1 5 11 00000000\r\n\r\n..dot\r\n.\rx\r\n\r\n.\r\nNOOP\r\n");
        byte[] body = Encoding.Latin1.GetBytes(".dot\r\n\rx\r\n\r\n");
        for (int size = 1; size <= wire.Length; size++)
        {
            var reader = default(ContentReader);
            reader.Begin();
            int used = InPieces(ref reader, wire, size);
            Assert.Equal(wire.Length - "NOOP\r\n".Length, used);
            Assert.True(reader.HasMarker);
            Assert.Equal(7, reader.Marker.Number);
            Assert.Equal(body.Length, reader.BodySize);
            Assert.Equal(Crc32C.Append(0, body), reader.BodyCrc);
        }
    }

    [Theory]
    [InlineData(".\r\n", 0)]
    [InlineData("A: b\r\n\r\n.\r\n", 0)]
    [InlineData("A: b\r\n\r\nx\r\n.\r\n", 3)]
    [InlineData("A: b\r\n.\n.\r\r\nx\r\n\r\n..\r\n.\r\n", 3)]
    public void Ends_at_a_line_of_one_dot_and_nowhere_else(string wire, long bodySize)
    {
        byte[] octets = Encoding.Latin1.GetBytes(wire);
        var reader = default(ContentReader);
        reader.Begin();
        Assert.Equal(octets.Length, reader.TakeData(octets, out bool ended));
        Assert.True(ended);
        Assert.Equal(bodySize, reader.BodySize);
        for (int length = 0; length < octets.Length; length++)
        {
            reader.Begin();
            reader.TakeData(octets.AsSpan(0, length), out ended);
            Assert.False(ended);
        }
    }

    [Fact]
    public void Agrees_with_a_slow_reader_on_whatever_comes_in_whatever_pieces()
    {
        var random = new Random(11);
        string[] parts = ["\r\n", "\r\n.", ".", "..", "\r", "\n", "x", "A: b\r\n", "\r\n\r\n", "X-Blaster: 0000000a 7 1 5 11 00000000\r\n", new string('y', 40)];
        for (int run = 0; run < 20_000; run++)
        {
            string wire = string.Concat(Enumerable.Range(0, random.Next(1, 15)).Select(_ => parts[random.Next(parts.Length)])) + "\r\n.\r\n";
            // Line by line, as RFC 5321 has it.
            string message = "";
            int length = 0;
            foreach (string line in wire.Split("\r\n"))
            {
                length += line.Length + 2;
                if (line == ".")
                {
                    break;
                }

                message += (line.StartsWith('.') ? line[1..] : line) + "\r\n";
            }

            int body = message.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            var reader = default(ContentReader);
            reader.Begin();
            byte[] octets = Encoding.Latin1.GetBytes(wire);
            Assert.Equal(length, InPieces(ref reader, octets, random.Next(1, 30)));
            Assert.Equal(message.Length, reader.Length);
            Assert.Equal(body < 0 ? 0u : Crc32C.Append(0, Encoding.Latin1.GetBytes(message[(body + 4)..])), reader.BodyCrc);
            string header = "\r\n" + (body < 0 ? "" : message[..(body + 2)]);
            Assert.Equal(header.Contains("\r\nX-Blaster: 0000000a 7 1 5 11 00000000", StringComparison.Ordinal), reader.HasMarker);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_made_up_reads_back_unaltered_and_one_changed_octet_is_seen(bool stuffed)
    {
        var content = new GeneratedContent(Blaster.Distribution("uniform:40,5000"), Blaster.Pattern("a@b.test"), Blaster.Pattern("u{n}@d{d}.test", 3), TimeProvider.System);
        var random = new Random(1);
        var draft = new Draft();
        for (int number = 0; number < 200; number++)
        {
            content.Fill(draft, new MessageFacts(5, number, 1, 1_000_000L * number), stuffed, random);
            byte[] wire = [.. draft.Head, .. draft.Body.Span, .. draft.Tail.AsSpan(0, draft.TailLength), .. stuffed ? ".\r\n"u8 : default];
            var reader = default(ContentReader);
            Assert.True(Read(ref reader, wire, stuffed));
            Assert.Equal(number, reader.Marker.Number);
            // The last octet but line end and final dot.
            wire[^6] ^= 1;
            Assert.False(Read(ref reader, wire, stuffed));
        }
    }

    [Fact]
    public void A_header_without_end_is_read_without_a_marker_and_without_keeping_it()
    {
        var reader = default(ContentReader);
        reader.Begin();
        byte[] line = Encoding.ASCII.GetBytes(new string('x', 998) + "\r\n");
        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal(line.Length, reader.TakeData(line, out _));
        }

        reader.TakeData(".\r\n"u8, out bool ended);
        Assert.True(ended);
        Assert.False(reader.HasMarker);
        Assert.Equal(1_000_000, reader.Length);
    }

    private static bool Read(ref ContentReader reader, byte[] wire, bool stuffed)
    {
        reader.Begin();
        if (stuffed)
        {
            reader.TakeData(wire, out bool ended);
            Assert.True(ended);
        }
        else
        {
            reader.TakeChunk(wire);
        }

        Assert.True(reader.HasMarker);
        return reader.IsUnaltered;
    }

    private static int InPieces(ref ContentReader reader, byte[] wire, int size)
    {
        int start = 0;
        for (int end = Math.Min(size, wire.Length); ; end = Math.Min(end + size, wire.Length))
        {
            start += reader.TakeData(wire.AsSpan(start, end - start), out bool ended);
            Assert.True(end - start <= 4 || ended, "more is wanted again than four octets");
            if (ended)
            {
                return start;
            }

            Assert.True(end < wire.Length, "the end of the message was not seen");
        }
    }
}

using System.Buffers;
using System.Text;
using CsCheck;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

public class DataDecoderTests
{
    // Pieces that make every kind of line ending, dot and block boundary likely.
    private static readonly string[] Pieces =
        ["\r\n", "\r\n", "\r\n", "\r\n.", "\r\n..", "\r\n.\r", "\r\n.\r\n", ".", ".", "\r", "\n", "\n.\n", "\r.\r", "x", "\0", "\xff", new string('y', 29), new string('z', 78), new string('d', 31) + "."];

    private static readonly Gen<byte[]> Wire = Gen.OneOf<string>(Pieces).Array[0, 24].Select(static parts => Segments.Bytes(string.Concat(parts)));

    private sealed record Decoded(bool Done, long Consumed, string Stored, long Length, bool Bare, bool LeadingDot, bool EightBit);

    private static Decoded Decode(in ReadOnlySequence<byte> wire, int room = 4096)
    {
        var output = new NarrowWriter(room);
        DataDecoder decoder = default;
        DataStatus status = decoder.Decode(wire, output, out SequencePosition consumed);
        return new Decoded(status == DataStatus.Done, wire.Slice(0, consumed).Length, Encoding.Latin1.GetString(output.Written), decoder.Length,
            decoder.HasBareLineEnding, decoder.HasLeadingDot, decoder.HasEightBit);
    }

    private static Decoded Decode(string wire) => Decode(new ReadOnlySequence<byte>(Segments.Bytes(wire)));

    [Theory]
    [InlineData(".\r\n", "", false)]
    [InlineData("x\r\n.\r\n", "x\r\n", false)]
    [InlineData("..\r\n.\r\n", ".\r\n", true)]
    [InlineData(".x\r\n.\r\n", "x\r\n", false)]
    [InlineData("a\r\n..b\r\n.\r\n", "a\r\n.b\r\n", true)]
    [InlineData("a.b\r\n.\r\n", "a.b\r\n", false)]
    [InlineData("a\r\n.b\r\n.\r\n", "a\r\nb\r\n", false)]
    [InlineData("...\r\n.\r\n", "..\r\n", true)]
    [InlineData("\r\n.\r\n", "\r\n", false)]
    [InlineData("QUIT\r\nRSET\r\n.\r\n", "QUIT\r\nRSET\r\n", false)]
    public void E4_dot_stuffing_is_taken_off_and_the_final_dot_ends(string wire, string stored, bool leadingDot)
    {
        foreach (ReadOnlySequence<byte> buffer in Segments.EverySplit(Segments.Bytes(wire + "RSET\r\n")))
        {
            Assert.Equal(new Decoded(true, wire.Length, stored, stored.Length, false, leadingDot, false), Decode(buffer));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData(".\r")]
    [InlineData("x\r\n.\r")]
    [InlineData("x\r\n.")]
    [InlineData("x\r\n")]
    [InlineData("x\r\n..\r\n")]
    public void E5_what_is_cut_off_before_the_end_is_not_a_message(string wire)
    {
        foreach (ReadOnlySequence<byte> buffer in Segments.EverySplit(Segments.Bytes(wire)))
        {
            Decoded decoded = Decode(buffer);
            Assert.Equal((false, wire.Length, false), (decoded.Done, decoded.Consumed, decoded.Bare));
        }
    }

    public static TheoryData<string> LookAlikes
    {
        get
        {
            string[] endings = ["\n", "\r", "\r\n", "\n\r", "\r\r\n", "\n\n", "\r\n\0", "\0\r\n", "\x85", ""];
            string[] dots = [".", "..", "\0.", ".\0", " .", ". "];
            return [.. (from before in endings from dot in dots from after in endings select before + dot + after).Distinct().Where(all => all != "\r\n.\r\n")];
        }
    }

    [Theory]
    [MemberData(nameof(LookAlikes))]
    public void E1_nothing_that_looks_like_the_end_is_the_end(string lookAlike)
    {
        string wire = "line" + lookAlike + "MAIL FROM:<smuggled@example>\r\n";
        foreach (ReadOnlySequence<byte> buffer in Segments.EverySplit(Segments.Bytes(wire + ".\r\n")))
        {
            Decoded decoded = Decode(buffer);
            // CR CR LF . CR LF does hold the true end, behind a bare CR.
            int end = wire.IndexOf("\r\n.\r\n", StringComparison.Ordinal);
            Assert.Equal((true, end < 0 ? wire.Length + 3 : end + 5), (decoded.Done, (int)decoded.Consumed));
        }

        string rest = wire.Replace("\r\n", "", StringComparison.Ordinal);
        Assert.Equal(rest.AsSpan().ContainsAny("\r\n"), Decode(wire + ".\r\n").Bare);
    }

    [Theory]
    [InlineData("a\nb\r\n.\r\n")]
    [InlineData("a\rb\r\n.\r\n")]
    [InlineData("\n.\r\n\r\n.\r\n")]
    [InlineData("a\r\n.\rb\r\n.\r\n")]
    [InlineData("a\r\r\n.\r\n")]
    [InlineData("a\n\r\n.\r\n")]
    [InlineData("a\r\n.\n\r\n.\r\n")]
    public void E2_a_bare_CR_or_LF_is_noted_and_decoding_goes_on_to_the_true_end(string wire)
    {
        foreach (ReadOnlySequence<byte> buffer in Segments.EverySplit(Segments.Bytes(wire)))
        {
            Decoded decoded = Decode(buffer);
            Assert.Equal((true, wire.Length, true), (decoded.Done, decoded.Consumed, decoded.Bare));
        }
    }

    [Fact]
    public void What_follows_the_end_says_nothing_about_the_message()
    {
        // Dot, end and what follows in one block of the vectorised scan.
        Decoded decoded = Decode("x\r\n.\r\n\n\r\xff more of something else entirely, and long enough");
        Assert.Equal(new Decoded(true, 6, "x\r\n", 3, false, false, false), decoded);
    }

    [Fact]
    public void Any_input_in_any_pieces_decodes_as_the_slow_decoder_says() => Check.Sample(
        Gen.Select(Wire, Gen.Int[1, 70], Gen.Int[1, 70]),
        static (wire, piece, room) =>
        {
            SlowDataDecoder slow = SlowDataDecoder.Decode(wire);
            var expected = new Decoded(slow.Done, slow.Consumed, Encoding.Latin1.GetString(slow.Stored), slow.Stored.Length, slow.Bare, slow.LeadingDot, slow.EightBit);
            Assert.Equal(expected, Decode(new ReadOnlySequence<byte>(wire)));
            Assert.Equal(expected, Decode(Segments.Cut(wire, piece), room));
        },
        iter: 20_000);

    [Fact]
    public void Decoding_resumes_where_the_last_call_stopped()
    {
        byte[] wire = Segments.Bytes("Subject: x\r\n\r\n..dots\r\nand \xe9\r\n.\r\n");
        for (int i = 0; i <= wire.Length; i++)
        {
            var output = new ArrayBufferWriter<byte>();
            DataDecoder decoder = default;
            var first = new ReadOnlySequence<byte>(wire[..i]);
            DataStatus status = decoder.Decode(first, output, out SequencePosition consumed);
            Assert.Equal(i, first.Slice(0, consumed).Length);
            Assert.Equal(i == wire.Length ? DataStatus.Done : DataStatus.NeedMoreData, status);
            if (status != DataStatus.Done)
            {
                Assert.Equal(DataStatus.Done, decoder.Decode(new ReadOnlySequence<byte>(wire[i..]), output, out _));
            }

            Assert.Equal("Subject: x\r\n\r\n.dots\r\nand \xe9\r\n", Encoding.Latin1.GetString(output.WrittenSpan));
            Assert.True(decoder.HasLeadingDot && decoder.HasEightBit && !decoder.HasBareLineEnding);
        }
    }

    [Fact]
    public void E5_the_end_is_found_across_the_edges_of_large_buffers()
    {
        foreach (int edge in (int[])[4096, 8192, 16384, 65536])
        {
            for (int shift = -5; shift <= 3; shift++)
            {
                byte[] wire = Segments.Bytes(new string('x', edge + shift) + "\r\n.\r\n");
                Decoded decoded = Decode(Segments.Of(wire[..edge], wire[edge..]));
                Assert.Equal((true, wire.Length, wire.Length - 3), (decoded.Done, decoded.Consumed, decoded.Length));
            }
        }
    }

    [Fact]
    public void E10_discarding_counts_and_ends_but_writes_nothing()
    {
        var output = new ArrayBufferWriter<byte>();
        DataDecoder decoder = default;
        decoder.Decode(new ReadOnlySequence<byte>("one\r\n"u8.ToArray()), output, out _);
        decoder.Discard = true;
        Assert.Equal(DataStatus.Done, decoder.Decode(new ReadOnlySequence<byte>("..two\r\n.\r\n"u8.ToArray()), output, out _));
        Assert.Equal((5, 11L, true), (output.WrittenCount, decoder.Length, decoder.HasLeadingDot));
    }

    [Fact]
    public void E6_E7_long_lines_and_NUL_pass_unchanged()
    {
        string body = new string('x', 100_000) + "\0" + new string('.', 1000) + "\r\n";
        Assert.Equal(body, Decode(body + ".\r\n").Stored);
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        ReadOnlySequence<byte> wire = Segments.Cut(Segments.Bytes(string.Concat(Enumerable.Repeat(new string('x', 76) + "\r\n..", 100)) + "\r\n.\r\n"), 100);
        var output = new ArrayBufferWriter<byte>(64 * 1024);
        Assert.Equal(0, Allocations.Of(() =>
        {
            output.ResetWrittenCount();
            DataDecoder decoder = default;
            decoder.Decode(wire, output, out _);
        }));
    }
}

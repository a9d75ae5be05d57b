using System.Buffers;
using Relay.Fuzz.Oracles;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>What follows DATA, decoded from every split, and what was decoded sent again.</summary>
internal sealed class DataTarget : IFuzzTarget
{
    public static string Name => "data";

    public static IReadOnlyList<string> Tokens =>
        ["\r\n", ".", "..", "\r\n.", "\r\n..", "\r\n.\r\n", "\r", "\n", "\n.\n", "\r.\r", "\r\n.\r", "\r\n.\n", "\n.\r\n", "\u00FF", "0123456789abcdef0123456789abcde", "MAIL FROM:<a@b>\r\n"];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        SlowData oracle = SlowData.Decode(Octets.Text(input));
        foreach (ReadOnlySequence<byte> split in Splits.Of(input.ToArray()))
        {
            var output = new ArrayBufferWriter<byte>();
            DataDecoder decoder = default;
            DataStatus status = decoder.Decode(split, output, out SequencePosition consumed);
            var ours = new SlowData(
                status == DataStatus.Done, (int)split.Slice(0, consumed).Length, Octets.Text(output.WrittenSpan), decoder.HasBareLineEnding, decoder.HasLeadingDot, decoder.HasEightBit);
            Check.Equal(oracle, ours, "decoded");
            Check.Equal(oracle.Stored.Length, (int)decoder.Length, "length");
        }

        Resend(oracle.Stored, raw: false);
        if (oracle.Done && !oracle.LeadingDot)
        {
            Resend(oracle.Stored, raw: true);
        }

        return HashCode.Combine(oracle.Done, oracle.Bare, oracle.LeadingDot, oracle.EightBit, oracle.Stored.Length % 33, input.Length == oracle.Consumed);
    }

    /// <summary>What is encoded, in pieces of any size, decodes to what it was, its last line completed.</summary>
    private static void Resend(string stored, bool raw)
    {
        bool ends = stored.Length == 0 || stored.EndsWith("\r\n", StringComparison.Ordinal);
        foreach (int piece in (int[])[1, 7, 4096])
        {
            var wire = new ArrayBufferWriter<byte>();
            var encoder = new DataEncoder(raw);
            foreach (byte[] part in Octets.Of(stored).Chunk(piece))
            {
                encoder.Write(part, wire);
            }

            encoder.Finish(wire);
            SlowData again = SlowData.Decode(Octets.Text(wire.WrittenSpan));
            Check.True(again.Done && again.Consumed == wire.WrittenCount, "what was encoded has no end, or one too many");
            Check.Equal(ends ? stored : stored + "\r\n", again.Stored, "decoded again");
        }
    }
}

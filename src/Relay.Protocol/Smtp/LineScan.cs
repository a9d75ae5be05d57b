using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Relay.Protocol.Smtp;

/// <summary>
/// One pass over message text, 32 octets at a step, that finds what dot-stuffing is about, a dot at the start of a line, and notes on the way bare CR, bare LF and
/// octets above 127. Decoder and encoder share it, so that they can't disagree on what a line is. Its state carries over from one piece of the text to the next.
/// </summary>
internal struct LineScan
{
    public LinePosition Position;
    public bool HasBareLineEnding;
    public bool HasEightBit;

    /// <summary>How many octets come before the next dot that starts a line: all of them when there is none. The caller deals with that dot and sets the position behind it.</summary>
    public int FindLeadingDot(ReadOnlySpan<byte> text)
    {
        ref byte start = ref MemoryMarshal.GetReference(text);
        // Bit 0: whether the octet before the block was a CR, or the end of a line.
        uint afterCr = Position == LinePosition.AfterCr ? 1u : 0;
        uint atStart = Position == LinePosition.Start ? 1u : 0;
        uint bare = 0;
        uint high = 0;
        int at = 0;
        for (; at <= text.Length - Vector256<byte>.Count; at += Vector256<byte>.Count)
        {
            Vector256<byte> block = Vector256.LoadUnsafe(ref start, (nuint)at);
            uint crs = Vector256.Equals(block, Vector256.Create((byte)'\r')).ExtractMostSignificantBits();
            uint lfs = Vector256.Equals(block, Vector256.Create((byte)'\n')).ExtractMostSignificantBits();
            // A line ends where an LF stands behind a CR; where only one of the two is true, the ending is bare.
            uint behindCr = (crs << 1) | afterCr;
            uint ends = behindCr & lfs;
            uint dots = ((ends << 1) | atStart) & Vector256.Equals(block, Vector256.Create((byte)'.')).ExtractMostSignificantBits();
            if (dots != 0)
            {
                // What comes behind the dot isn't ours: it may be the next command.
                int before = BitOperations.TrailingZeroCount(dots);
                uint ours = (1u << before) - 1;
                Note(bare | ((behindCr ^ lfs) & ours), high | (block.ExtractMostSignificantBits() & ours));
                Position = LinePosition.Start;
                return at + before;
            }

            bare |= behindCr ^ lfs;
            high |= block.ExtractMostSignificantBits();
            afterCr = crs >> 31;
            atStart = ends >> 31;
        }

        for (; at < text.Length; at++)
        {
            byte octet = text[at];
            if (octet == '.' && atStart != 0)
            {
                break;
            }

            uint lf = octet == '\n' ? 1u : 0;
            bare |= afterCr ^ lf;
            high |= octet & 0x80u;
            atStart = afterCr & lf;
            afterCr = octet == '\r' ? 1u : 0;
        }

        Note(bare, high);
        Position = atStart != 0 ? LinePosition.Start : afterCr != 0 ? LinePosition.AfterCr : LinePosition.Inside;
        return at;
    }

    /// <summary>Passes over text in which no line begins with a dot: only its last octets matter then.</summary>
    public void Skip(ReadOnlySpan<byte> text)
    {
        if (!text.IsEmpty)
        {
            bool afterCr = text.Length > 1 ? text[^2] == '\r' : Position == LinePosition.AfterCr;
            Position = text[^1] == '\r' ? LinePosition.AfterCr : text[^1] == '\n' && afterCr ? LinePosition.Start : LinePosition.Inside;
        }
    }

    private void Note(uint bare, uint high)
    {
        HasBareLineEnding |= bare != 0;
        HasEightBit |= high != 0;
    }
}

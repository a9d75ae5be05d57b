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
    /// <summary>How many octets before it decide what an octet is.</summary>
    private const int Past = 2;

    public LinePosition Position;
    public bool HasBareLineEnding;
    public bool HasEightBit;

    /// <summary>How many octets come before the next dot that starts a line: all of them when there is none. The caller deals with that dot and sets the position behind it.</summary>
    public int FindLeadingDot(ReadOnlySpan<byte> text)
    {
        // The past of the first octets is in the state; that of all others is in the text itself.
        int head = text.Length < Past + Vector256<byte>.Count ? text.Length : Past;
        int at = ScanOctets(text[..head]);
        return at < head || head == text.Length ? at : ScanBlocks(text);
    }

    /// <summary>Looks at each block together with the same block one octet and two octets earlier, so that nothing has to be carried from block to block but what was found.</summary>
    private int ScanBlocks(ReadOnlySpan<byte> text)
    {
        ref byte start = ref MemoryMarshal.GetReference(text);
        Vector256<byte> cr = Vector256.Create((byte)'\r');
        Vector256<byte> lf = Vector256.Create((byte)'\n');
        Vector256<byte> bare = default;
        Vector256<byte> high = default;
        // The last block may overlap the one before it: what is seen twice is the same both times.
        int last = text.Length - Vector256<byte>.Count;
        for (int at = Past; ; at = Math.Min(at + Vector256<byte>.Count, last))
        {
            Vector256<byte> block = Vector256.LoadUnsafe(ref start, (nuint)at);
            Vector256<byte> before = Vector256.LoadUnsafe(ref start, (nuint)(at - 1));
            // A line ends where an LF stands behind a CR; where only one of the two is true, the ending is bare.
            Vector256<byte> odd = Vector256.Equals(before, cr) ^ Vector256.Equals(block, lf);
            Vector256<byte> dots = Vector256.Equals(Vector256.LoadUnsafe(ref start, (nuint)(at - 2)), cr) & Vector256.Equals(before, lf) & Vector256.Equals(block, Vector256.Create((byte)'.'));
            if (dots != Vector256<byte>.Zero)
            {
                // What comes behind the dot isn't ours: it may be the next command.
                int octets = BitOperations.TrailingZeroCount(dots.ExtractMostSignificantBits());
                uint ours = (1u << octets) - 1;
                Note(bare.ExtractMostSignificantBits() | (odd.ExtractMostSignificantBits() & ours), high.ExtractMostSignificantBits() | (block.ExtractMostSignificantBits() & ours));
                Position = LinePosition.Start;
                return at + octets;
            }

            bare |= odd;
            high |= block;
            if (at == last)
            {
                break;
            }
        }

        Note(bare.ExtractMostSignificantBits(), high.ExtractMostSignificantBits());
        Skip(text);
        return text.Length;
    }

    private int ScanOctets(ReadOnlySpan<byte> text)
    {
        bool afterCr = Position == LinePosition.AfterCr;
        bool atStart = Position == LinePosition.Start;
        int at = 0;
        for (; at < text.Length; at++)
        {
            byte octet = text[at];
            if (octet == '.' && atStart)
            {
                break;
            }

            bool lf = octet == '\n';
            HasBareLineEnding |= afterCr != lf;
            HasEightBit |= octet > 127;
            atStart = afterCr && lf;
            afterCr = octet == '\r';
        }

        Position = atStart ? LinePosition.Start : afterCr ? LinePosition.AfterCr : LinePosition.Inside;
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

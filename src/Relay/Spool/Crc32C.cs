using System.Numerics;
using System.Runtime.InteropServices;

namespace Relay.Spool;

/// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4), by the processor's instruction. A value can be carried on over further bytes; it starts at 0.</summary>
internal static class Crc32C
{
    internal static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        crc = ~crc;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (byte b in bytes[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }
}

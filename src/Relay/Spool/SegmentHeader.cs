using System.Buffers.Binary;

namespace Relay.Spool;

/// <summary>
/// The first bytes of a segment, all in one sector so that they are never half written; little endian: "RelaySeg", version (4 bytes), CRC32C of the 64 bytes
/// with this field zero (4), generation (8), number (8), highest id given out so far (8), zeros. Records start at <see cref="DataStart"/>.
/// </summary>
internal readonly record struct SegmentHeader(ulong Generation, long Number, ulong LastId)
{
    internal const int Length = 64;
    internal const int DataStart = 4096;
    internal const uint CurrentVersion = 2;

    /// <summary>Its records don't say which segment they speak about; otherwise as the current one, and read.</summary>
    internal const uint EarlierVersion = 1;

    private static ReadOnlySpan<byte> Magic => "RelaySeg"u8;

    internal void Write(Span<byte> into)
    {
        into[..Length].Clear();
        Magic.CopyTo(into);
        BinaryPrimitives.WriteUInt32LittleEndian(into[8..], CurrentVersion);
        BinaryPrimitives.WriteUInt64LittleEndian(into[16..], Generation);
        BinaryPrimitives.WriteInt64LittleEndian(into[24..], Number);
        BinaryPrimitives.WriteUInt64LittleEndian(into[32..], LastId);
        BinaryPrimitives.WriteUInt32LittleEndian(into[12..], Crc32C.Append(0, into[..Length]));
    }

    /// <summary>False when the header is damaged. A header that is whole but of another version gives true and that version.</summary>
    internal static bool TryRead(ReadOnlySpan<byte> bytes, out SegmentHeader header, out uint version)
    {
        header = default;
        version = 0;
        if (bytes.Length < Length || !bytes.StartsWith(Magic))
        {
            return false;
        }

        Span<byte> copy = stackalloc byte[Length];
        bytes[..Length].CopyTo(copy);
        copy[12..16].Clear();
        if (Crc32C.Append(0, copy) != BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]))
        {
            return false;
        }

        version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        header = new SegmentHeader(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]));
        return true;
    }
}

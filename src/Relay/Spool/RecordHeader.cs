using System.Buffers.Binary;

namespace Relay.Spool;

/// <summary>
/// What stands before every log record, little endian: CRC32C of the rest of the header and the fields (4 bytes), type (1), version (1), reserved (2),
/// length of the fields (4), length of the body behind them (4), the segment's generation (8), sequence number (8). Records start at multiples of 8.
/// The body has its own CRC among the fields, so that it can be computed where the body is, not by the committer.
/// </summary>
internal readonly record struct RecordHeader(RecordType Type, int FieldLength, int BodyLength, ulong Generation, ulong Sequence)
{
    internal const int Length = 32;
    internal const int GenerationOffset = 16;
    internal const byte Version = 1;

    /// <summary>As read: CRC32C of the rest of the header and the fields.</summary>
    internal uint Crc { get; private init; }

    /// <summary>Length of the whole record, padded.</summary>
    internal long RecordLength => PaddedLength(FieldLength, BodyLength);

    internal static long PaddedLength(int fieldLength, int bodyLength) => (Length + (long)fieldLength + bodyLength + 7) & ~7L;

    /// <summary>The CRC's place stays open: it is known when the fields are.</summary>
    internal void Write(Span<byte> into)
    {
        into[4] = (byte)Type;
        into[5] = Version;
        into[6] = 0;
        into[7] = 0;
        BinaryPrimitives.WriteInt32LittleEndian(into[8..], FieldLength);
        BinaryPrimitives.WriteInt32LittleEndian(into[12..], BodyLength);
        BinaryPrimitives.WriteUInt64LittleEndian(into[GenerationOffset..], Generation);
        BinaryPrimitives.WriteUInt64LittleEndian(into[24..], Sequence);
    }

    /// <summary>Reads the header that starts the span. False when it isn't one; whether header and fields are whole is told by <see cref="Crc"/>, and the body by its own CRC.</summary>
    internal static bool TryRead(ReadOnlySpan<byte> bytes, ulong generation, out RecordHeader header)
    {
        header = default;
        if (bytes.Length < Length || BinaryPrimitives.ReadUInt64LittleEndian(bytes[GenerationOffset..]) != generation)
        {
            return false;
        }

        int fields = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        int body = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
        if (fields < 0 || body < 0)
        {
            return false;
        }

        // A version we don't know is kept as a type we don't know: it can be stepped over, not understood.
        RecordType type = bytes[5] == Version ? (RecordType)bytes[4] : RecordType.None;
        header = new RecordHeader(type, fields, body, generation, BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..])) { Crc = BinaryPrimitives.ReadUInt32LittleEndian(bytes) };
        return true;
    }
}

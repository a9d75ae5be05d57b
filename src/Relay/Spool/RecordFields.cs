using System.Buffers.Binary;
using System.Net;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;

namespace Relay.Spool;

/// <summary>
/// The fields of each record type, little endian. Message and LargeMessage: id (8 bytes), arrival in ticks UTC (8), octets of the body (8), CRC32C of the body (4), length of the client's
/// address (1), zero (1), how many octets at the end of an own file are the body's first (2), the address (16), the envelope. Moved and MovedLarge: the same up to the address, then the segment it was copied from (8), how many recipients' states follow (4),
/// zero (4), the states, the envelope. Update: id (8), the segment of the message (8), then the states. Remove: id (8), the segment of the message (8). A state: the recipient's index (4), state
/// (1), zero (3), attempts (4), what an operator said since the last of them (2), zero (2), next attempt in ticks UTC (8). Marker: segment (8) and offset (8) up to which the log was durable before the batch, highest id given out (8).
/// What was written whole is read back whole: a reader here meets only bytes whose CRC was right.
/// </summary>
internal static class RecordFields
{
    internal const int MessageLength = 48;
    internal const int MovedLength = MessageLength + 16;
    internal const int UpdateLength = 16;
    internal const int StateLength = 24;
    internal const int RemoveLength = 16;
    internal const int EarlierLength = 8;
    internal const int MarkerLength = 24;

    internal static void WriteMessage(Span<byte> into, SpooledMessage message)
    {
        into[..MessageLength].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(into, message.Id.Value);
        BinaryPrimitives.WriteInt64LittleEndian(into[8..], message.Arrived.UtcTicks);
        BinaryPrimitives.WriteInt64LittleEndian(into[16..], message.Size);
        BinaryPrimitives.WriteUInt32LittleEndian(into[24..], message.BodyCrc);
        if (message.Client is { } client && client.TryWriteBytes(into[32..48], out int length))
        {
            into[28] = (byte)length;
        }

        BinaryPrimitives.WriteUInt16LittleEndian(into[30..], message.FrontLength);
    }

    /// <summary>The fields of a copy but for the envelope, which follows them.</summary>
    internal static void WriteMoved(Span<byte> into, SpooledMessage message, long from, ReadOnlySpan<RecipientUpdate> states)
    {
        WriteMessage(into, message);
        BinaryPrimitives.WriteInt64LittleEndian(into[MessageLength..], from);
        BinaryPrimitives.WriteInt64LittleEndian(into[(MessageLength + 8)..], states.Length);
        WriteStates(into[MovedLength..], states);
    }

    /// <summary>Null when the envelope is of a version that isn't known.</summary>
    internal static SpooledMessage? ReadMessage(RecordType type, ReadOnlySpan<byte> fields)
    {
        bool moved = type is RecordType.Moved or RecordType.MovedLarge;
        long states = moved && fields.Length >= MovedLength ? BinaryPrimitives.ReadInt32LittleEndian(fields[(MessageLength + 8)..]) : 0;
        long envelopeAt = moved ? MovedLength + (states * StateLength) : MessageLength;
        if (states < 0 || fields.Length < envelopeAt || !Envelope.TryParse(fields[(int)envelopeAt..], out Envelope? envelope))
        {
            return null;
        }

        long ticks = BinaryPrimitives.ReadInt64LittleEndian(fields[8..]);
        int address = fields[28];
        ushort front = BinaryPrimitives.ReadUInt16LittleEndian(fields[30..]);
        if ((ulong)ticks > (ulong)DateTime.MaxValue.Ticks || address is not (0 or 4 or 16) || front > ReadSize(fields))
        {
            return null;
        }

        var message = new SpooledMessage(
            ReadId(fields),
            envelope!,
            ReadSize(fields),
            new DateTimeOffset(ticks, TimeSpan.Zero),
            address == 0 ? null : new IPAddress(fields.Slice(32, address)),
            type is RecordType.LargeMessage or RecordType.MovedLarge)
        {
            BodyCrc = ReadBodyCrc(fields),
            FrontLength = front,
        };
        if (moved)
        {
            message.Apply(ReadStates(fields[MovedLength..(int)envelopeAt]));
        }

        return message;
    }

    internal static QueueId ReadId(ReadOnlySpan<byte> fields) => new(BinaryPrimitives.ReadUInt64LittleEndian(fields));

    internal static long ReadSize(ReadOnlySpan<byte> messageFields) => BinaryPrimitives.ReadInt64LittleEndian(messageFields[16..]);

    internal static uint ReadBodyCrc(ReadOnlySpan<byte> messageFields) => BinaryPrimitives.ReadUInt32LittleEndian(messageFields[24..]);

    internal static long ReadMovedFrom(ReadOnlySpan<byte> movedFields) => BinaryPrimitives.ReadInt64LittleEndian(movedFields[MessageLength..]);

    /// <summary>The start of an Update, and all of a Remove: which message they speak about, and where its record is.</summary>
    internal static void WriteSubject(Span<byte> into, QueueId id, long segment)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(into, id.Value);
        BinaryPrimitives.WriteInt64LittleEndian(into[8..], segment);
    }

    internal static long ReadSubjectSegment(ReadOnlySpan<byte> fields) => BinaryPrimitives.ReadInt64LittleEndian(fields[8..]);

    internal static void WriteStates(Span<byte> into, ReadOnlySpan<RecipientUpdate> states)
    {
        foreach (RecipientUpdate state in states)
        {
            into[..StateLength].Clear();
            BinaryPrimitives.WriteInt32LittleEndian(into, state.Recipient);
            into[4] = (byte)state.State;
            BinaryPrimitives.WriteInt32LittleEndian(into[8..], state.Attempts);
            BinaryPrimitives.WriteUInt16LittleEndian(into[12..], state.Turn);
            BinaryPrimitives.WriteInt64LittleEndian(into[16..], state.NextAttempt.UtcTicks);
            into = into[StateLength..];
        }
    }

    internal static RecipientUpdate[] ReadStates(ReadOnlySpan<byte> bytes)
    {
        var states = new RecipientUpdate[bytes.Length / StateLength];
        foreach (ref RecipientUpdate state in states.AsSpan())
        {
            long ticks = Math.Clamp(BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]), 0, DateTime.MaxValue.Ticks);
            state = new RecipientUpdate(
                BinaryPrimitives.ReadInt32LittleEndian(bytes),
                (RecipientState)bytes[4],
                BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]),
                new DateTimeOffset(ticks, TimeSpan.Zero),
                BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]));
            bytes = bytes[StateLength..];
        }

        return states;
    }

    internal static void WriteMarker(Span<byte> into, LogPosition durable, ulong lastId)
    {
        BinaryPrimitives.WriteInt64LittleEndian(into, durable.Segment);
        BinaryPrimitives.WriteInt64LittleEndian(into[8..], durable.Offset);
        BinaryPrimitives.WriteUInt64LittleEndian(into[16..], lastId);
    }

    internal static LogPosition ReadMarker(ReadOnlySpan<byte> fields, out ulong lastId)
    {
        lastId = BinaryPrimitives.ReadUInt64LittleEndian(fields[16..]);
        return new LogPosition(BinaryPrimitives.ReadInt64LittleEndian(fields), BinaryPrimitives.ReadInt64LittleEndian(fields[8..]));
    }
}

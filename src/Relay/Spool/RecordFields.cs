using System.Buffers.Binary;
using System.Net;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;

namespace Relay.Spool;

/// <summary>
/// The fields of each record type, little endian. Message and LargeMessage: id (8 bytes), arrival in ticks UTC (8), octets of the body (8), CRC32C of the body
/// (4), length of the client's
/// address (1), zero (3), the address (16), the envelope. Update: id (8), then for each recipient its index (4), state (1), zero (3), attempts (4), zero (4),
/// next attempt in ticks UTC (8).
/// Remove: id (8). Marker: segment (8) and offset (8) up to which the log was durable before the batch, highest id given out (8).
/// What was written whole is read back whole: a reader here meets only bytes whose CRC was right.
/// </summary>
internal static class RecordFields
{
    internal const int MessageLength = 48;
    internal const int UpdateLength = 8;
    internal const int RecipientLength = 24;
    internal const int RemoveLength = 8;
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
    }

    internal static SpooledMessage? ReadMessage(ReadOnlySpan<byte> fields, bool ownFile)
    {
        if (fields.Length < MessageLength || !Envelope.TryParse(fields[MessageLength..], out Envelope? envelope))
        {
            return null;
        }

        long ticks = BinaryPrimitives.ReadInt64LittleEndian(fields[8..]);
        int address = fields[28];
        if ((ulong)ticks > (ulong)DateTime.MaxValue.Ticks || address is not (0 or 4 or 16))
        {
            return null;
        }

        return new SpooledMessage(
            new QueueId(BinaryPrimitives.ReadUInt64LittleEndian(fields)),
            envelope!,
            BinaryPrimitives.ReadInt64LittleEndian(fields[16..]),
            new DateTimeOffset(ticks, TimeSpan.Zero),
            address == 0 ? null : new IPAddress(fields.Slice(32, address)),
            ownFile)
        {
            BodyCrc = BinaryPrimitives.ReadUInt32LittleEndian(fields[24..]),
        };
    }

    internal static QueueId ReadId(ReadOnlySpan<byte> fields) => new(BinaryPrimitives.ReadUInt64LittleEndian(fields));

    internal static void WriteId(Span<byte> into, QueueId id) => BinaryPrimitives.WriteUInt64LittleEndian(into, id.Value);

    internal static void WriteRecipient(Span<byte> into, RecipientUpdate update)
    {
        into[..RecipientLength].Clear();
        BinaryPrimitives.WriteInt32LittleEndian(into, update.Recipient);
        into[4] = (byte)update.State;
        BinaryPrimitives.WriteInt32LittleEndian(into[8..], update.Attempts);
        BinaryPrimitives.WriteInt64LittleEndian(into[16..], update.NextAttempt.UtcTicks);
    }

    internal static RecipientUpdate[] ReadRecipients(ReadOnlySpan<byte> fields)
    {
        var updates = new RecipientUpdate[(fields.Length - UpdateLength) / RecipientLength];
        for (int i = 0; i < updates.Length; i++)
        {
            ReadOnlySpan<byte> at = fields[(UpdateLength + (i * RecipientLength))..];
            long ticks = Math.Clamp(BinaryPrimitives.ReadInt64LittleEndian(at[16..]), 0, DateTime.MaxValue.Ticks);
            updates[i] = new RecipientUpdate(
                BinaryPrimitives.ReadInt32LittleEndian(at),
                (RecipientState)at[4],
                BinaryPrimitives.ReadInt32LittleEndian(at[8..]),
                new DateTimeOffset(ticks, TimeSpan.Zero));
        }

        return updates;
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

using System.Buffers;
using System.Buffers.Binary;

namespace Relay.Spool;

/// <summary>
/// What a segment says, written beside it once the segment is full, so that a restart needs not read it. Bound to one use of the segment by its generation; a missing, damaged or foreign index
/// only means that the segment is read. Little endian: "RelayIdx", version (4 bytes), CRC32C of the header (with this field zero) and the statements (4), generation (8), number (8), segment (8)
/// and offset (8) of <see cref="SegmentContent.Before"/>, end (8), highest id (8), highest sequence number (8), octets of the statements (4) and of the messages (4), CRC32C of the messages (4),
/// zero (4); the statements: type (4), length of the fields (4), fields as in the log; the messages: type (4), length of the fields (4), offset of the record (4), lengths of its fields (4) and
/// its body (4), zero (4), fields as of a copy.
/// </summary>
internal static class SegmentIndex
{
    private const uint Version = 1;
    private const int HeaderLength = 96;
    private const int StatementHeader = 8;
    private const int MessageHeader = 24;

    private static ReadOnlySpan<byte> Magic => "RelayIdx"u8;

    /// <summary>Writes and syncs the index of a segment that nobody writes any more. Returns an errno.</summary>
    internal static int Write(SpoolFiles files, Segment segment, SegmentContent content)
    {
        var bytes = new ArrayBufferWriter<byte>(64 * 1024);
        bytes.GetSpan(HeaderLength)[..HeaderLength].Clear();
        bytes.Advance(HeaderLength);
        content.Statements.ForEach(s => Put(bytes, s));
        int statements = bytes.WrittenCount - HeaderLength;
        content.Messages.ForEach(m => Put(bytes, m));
        byte[] all = bytes.WrittenSpan.ToArray();

        Magic.CopyTo(all);
        BinaryPrimitives.WriteUInt32LittleEndian(all.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt64LittleEndian(all.AsSpan(16), segment.Generation);
        BinaryPrimitives.WriteInt64LittleEndian(all.AsSpan(24), segment.Number);
        BinaryPrimitives.WriteInt64LittleEndian(all.AsSpan(32), content.Before.Segment);
        BinaryPrimitives.WriteInt64LittleEndian(all.AsSpan(40), content.Before.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(all.AsSpan(48), content.End);
        BinaryPrimitives.WriteUInt64LittleEndian(all.AsSpan(56), content.LastId);
        BinaryPrimitives.WriteUInt64LittleEndian(all.AsSpan(64), content.LastSequence);
        BinaryPrimitives.WriteInt32LittleEndian(all.AsSpan(72), statements);
        BinaryPrimitives.WriteInt32LittleEndian(all.AsSpan(76), all.Length - HeaderLength - statements);
        BinaryPrimitives.WriteUInt32LittleEndian(all.AsSpan(80), Crc32C.Append(0, all.AsSpan(HeaderLength + statements)));
        BinaryPrimitives.WriteUInt32LittleEndian(all.AsSpan(12), Crc32C.Append(0, all.AsSpan(0, HeaderLength + statements)));

        int error = files.Storage.Open(files.IndexPath(segment.Number), OpenMode.OpenOrCreate, out int file);
        if (error != 0)
        {
            return error;
        }

        error = files.WriteAll(file, all, 0);
        if (error == 0)
        {
            error = files.Sync(file);
        }

        files.Storage.Close(file);
        return error;
    }

    /// <summary>Reads the index of a segment, with or without the messages. Null when there is none that can be trusted.</summary>
    internal static SegmentContent? Read(SpoolFiles files, Segment segment, bool messages)
    {
        if (files.Storage.Open(files.IndexPath(segment.Number), OpenMode.Existing, out int file) != 0)
        {
            return null;
        }

        try
        {
            byte[] header = new byte[HeaderLength];
            if (!Fill(files, file, header, 0) || !header.AsSpan().StartsWith(Magic) || BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8)) != Version
                || BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(16)) != segment.Generation || BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(24)) != segment.Number)
            {
                return null;
            }

            int statementsLength = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(72));
            int messagesLength = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(76));
            if (files.Storage.Length(file, out long length) != 0 || statementsLength < 0 || messagesLength < 0 || HeaderLength + (long)statementsLength + messagesLength > length)
            {
                return null;
            }

            uint crc = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(12));
            header.AsSpan(12, 4).Clear();
            byte[] statements = new byte[statementsLength];
            if (!Fill(files, file, statements, HeaderLength) || Crc32C.Append(Crc32C.Append(0, header), statements) != crc)
            {
                return null;
            }

            var content = new SegmentContent
            {
                Any = true,
                Before = new LogPosition(BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(32)), BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(40))),
                End = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(48)),
                LastId = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(56)),
                LastSequence = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(64)),
            };
            ReadStatements(statements, content);
            if (messages)
            {
                byte[] bytes = new byte[messagesLength];
                if (!Fill(files, file, bytes, HeaderLength + statementsLength) || Crc32C.Append(0, bytes) != BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(80))
                    || !ReadMessages(segment, bytes, content))
                {
                    return null;
                }
            }

            return content;
        }
        finally
        {
            files.Storage.Close(file);
        }
    }

    private static void Put(ArrayBufferWriter<byte> bytes, Statement statement)
    {
        int length = statement.FieldLength;
        Span<byte> entry = bytes.GetSpan(StatementHeader + length)[..(StatementHeader + length)];
        BinaryPrimitives.WriteInt32LittleEndian(entry, (int)statement.Type);
        BinaryPrimitives.WriteInt32LittleEndian(entry[4..], length);
        statement.WriteTo(entry[StatementHeader..]);
        bytes.Advance(entry.Length);
    }

    private static void Put(ArrayBufferWriter<byte> bytes, SpooledMessage message)
    {
        RecipientUpdate[] states = message.States();
        int own = RecordFields.MovedLength + (states.Length * RecordFields.StateLength);
        int length = own + message.Envelope.Bytes.Length;
        Span<byte> entry = bytes.GetSpan(MessageHeader + length)[..(MessageHeader + length)];
        BinaryPrimitives.WriteInt32LittleEndian(entry, (int)(message.OwnFile ? RecordType.MovedLarge : RecordType.Moved));
        BinaryPrimitives.WriteInt32LittleEndian(entry[4..], length);
        BinaryPrimitives.WriteInt32LittleEndian(entry[8..], (int)message.RecordOffset);
        BinaryPrimitives.WriteInt32LittleEndian(entry[12..], (int)(message.BodyOffset - message.RecordOffset) - RecordHeader.Length);
        BinaryPrimitives.WriteInt32LittleEndian(entry[16..], message.OwnFile ? 0 : (int)message.Size);
        BinaryPrimitives.WriteInt32LittleEndian(entry[20..], 0);
        RecordFields.WriteMoved(entry[MessageHeader..], message, 0, states);
        message.Envelope.Bytes.CopyTo(entry[(MessageHeader + own)..]);
        bytes.Advance(entry.Length);
    }

    private static void ReadStatements(ReadOnlySpan<byte> bytes, SegmentContent content)
    {
        while (!bytes.IsEmpty)
        {
            var type = (RecordType)BinaryPrimitives.ReadInt32LittleEndian(bytes);
            ReadOnlySpan<byte> fields = bytes.Slice(StatementHeader, BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]));
            RecipientUpdate[]? states = type == RecordType.Update ? RecordFields.ReadStates(fields[RecordFields.UpdateLength..]) : null;
            content.Statements.Add(new Statement(RecordFields.ReadSubjectSegment(fields), RecordFields.ReadId(fields), states));
            bytes = bytes[(StatementHeader + fields.Length)..];
        }
    }

    /// <summary>False when there is a message of a kind that isn't known.</summary>
    private static bool ReadMessages(Segment segment, ReadOnlySpan<byte> bytes, SegmentContent content)
    {
        while (!bytes.IsEmpty)
        {
            var type = (RecordType)BinaryPrimitives.ReadInt32LittleEndian(bytes);
            ReadOnlySpan<byte> fields = bytes.Slice(MessageHeader, BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]));
            if (RecordFields.ReadMessage(type, fields) is not { } message)
            {
                return false;
            }

            var record = new RecordHeader(type, BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]), segment.Generation, 0);
            message.LieIn(segment, BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]), record);
            content.Messages.Add(message);
            bytes = bytes[(MessageHeader + fields.Length)..];
        }

        return true;
    }

    private static bool Fill(SpoolFiles files, int file, Span<byte> into, long at) => files.ReadAll(file, into, at, out int read) == 0 && read == into.Length;
}

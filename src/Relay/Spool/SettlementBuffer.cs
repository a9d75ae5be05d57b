using System.Buffers.Binary;
using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// Settlements that wait to be written, encoded one behind the other: record type (1 byte), whether the message's own file can go when the record is durable
/// (1), zero (2),
/// length of the fields (4), fields. Not thread-safe. It grows with what is settled during one sync.
/// </summary>
internal sealed class SettlementBuffer
{
    private const int EntryHeader = 8;

    private byte[] _bytes = new byte[4096];

    internal int Length { get; private set; }

    internal bool IsEmpty => Length == 0;

    /// <summary>
    /// New states of some recipients, or (none) that the message is gone. The segment is that of the message's record, or of a copy of it: then the message's own file doesn't go with this entry, but with the other one, behind it.
    /// </summary>
    internal void Add(SpooledMessage message, long segment, ReadOnlySpan<RecipientUpdate> states, bool isCopy = false)
    {
        Span<byte> fields = states.IsEmpty
            ? Entry(RecordType.Remove, message.OwnFile && !isCopy, RecordFields.RemoveLength)
            : Entry(RecordType.Update, unlink: false, RecordFields.UpdateLength + (states.Length * RecordFields.StateLength));
        RecordFields.WriteSubject(fields, message.Id, segment);
        RecordFields.WriteStates(fields[RecordFields.UpdateLength..], states);
    }

    /// <summary>Takes over all that another buffer holds.</summary>
    internal void TakeFrom(SettlementBuffer other)
    {
        Ensure(other.Length);
        other._bytes.AsSpan(0, other.Length).CopyTo(_bytes.AsSpan(Length));
        Length += other.Length;
        other.Clear();
    }

    /// <summary>The entry at a place, and the place of the next one. False at the end.</summary>
    internal bool TryRead(int at, out RecordType type, out ReadOnlySpan<byte> fields, out int next)
    {
        type = RecordType.None;
        fields = [];
        next = at;
        if (at >= Length)
        {
            return false;
        }

        type = (RecordType)_bytes[at];
        fields = _bytes.AsSpan(at + EntryHeader, BinaryPrimitives.ReadInt32LittleEndian(_bytes.AsSpan(at + 4)));
        next = at + EntryHeader + fields.Length;
        return true;
    }

    /// <summary>Forgets what is durable: all before a place. Adds the messages whose own files can go now. Returns how many entries there were.</summary>
    internal int Drop(int end, List<QueueId> bodies)
    {
        int entries = 0;
        for (int at = 0; at < end; entries++)
        {
            bool unlink = _bytes[at + 1] != 0;
            TryRead(at, out _, out ReadOnlySpan<byte> fields, out at);
            if (unlink)
            {
                bodies.Add(RecordFields.ReadId(fields));
            }
        }

        _bytes.AsSpan(end, Length - end).CopyTo(_bytes);
        Length -= end;
        return entries;
    }

    internal void Clear()
    {
        Length = 0;
        if (_bytes.Length > 1024 * 1024)
        {
            _bytes = new byte[4096];
        }
    }

    private Span<byte> Entry(RecordType type, bool unlink, int length)
    {
        Ensure(EntryHeader + length);
        Span<byte> entry = _bytes.AsSpan(Length, EntryHeader + length);
        entry[0] = (byte)type;
        entry[1] = unlink ? (byte)1 : (byte)0;
        entry[2] = 0;
        entry[3] = 0;
        BinaryPrimitives.WriteInt32LittleEndian(entry[4..], length);
        Length += entry.Length;
        return entry[EntryHeader..];
    }

    private void Ensure(int more)
    {
        if (_bytes.Length - Length < more)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + more));
        }
    }
}

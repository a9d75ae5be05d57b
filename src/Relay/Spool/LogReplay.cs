using System.Buffers.Binary;
using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// Reads segments, oldest first, and works out what is live. Pure: bytes in, state out. A record counts when its batch's marker is there, or when a later
/// marker says that the
/// log was durable beyond it. Bytes that are no record but lie where records count are damage.
/// </summary>
internal sealed class LogReplay
{
    private readonly Dictionary<QueueId, ReplayedMessage> _live = [];
    private readonly Dictionary<long, Tail> _tails = [];
    private List<Entry> _open = [];

    internal IReadOnlyDictionary<QueueId, ReplayedMessage> Live => _live;

    internal List<DamagedRange> Damage { get; } = [];

    /// <summary>Where the log is durable, as far as was read.</summary>
    internal LogPosition Durable { get; private set; }

    internal ulong LastId { get; private set; }

    internal ulong LastSequence { get; private set; }

    /// <summary>Records of batches that were never finished, by segment.</summary>
    internal IEnumerable<(long Segment, int Records)> TornTails => _tails.Where(t => t.Value.Entries.Count > 0).Select(t => (t.Key, t.Value.Entries.Count));

    /// <summary>Reads one segment, the next by number. Returns whether there was any record of its generation.</summary>
    internal bool Read(Segment segment, ReadOnlySpan<byte> bytes)
    {
        bool any = false;
        int at = SegmentHeader.DataStart;
        ulong last = 0;
        bool batchEnded = false;
        _open = [];
        while (FindRecord(bytes, at, segment.Generation, out int found, out RecordHeader header))
        {
            if (found > at && !(batchEnded && IsPadding(bytes[at..found], found)))
            {
                _open.Add(Entry.Damaged(segment, at, found, last == 0 ? 1 : (long)(header.Sequence - last - 1)));
            }

            any = true;
            last = header.Sequence;
            LastSequence = Math.Max(LastSequence, last);
            at = (int)Math.Min(found + header.RecordLength, bytes.Length);
            batchEnded = header.Type == RecordType.Marker;
            ReadRecord(segment, bytes[found..at], header, found, at);
        }

        // What follows is unused, or a torn batch; a later segment may tell otherwise.
        _tails[segment.Number] = new Tail(segment, _open, at);
        return any;
    }

    /// <summary>Takes a message whose body is lost out of the live ones.</summary>
    internal void Forget(QueueId id) => _live.Remove(id);

    internal void SawId(ulong id) => LastId = Math.Max(LastId, id);

    private void ReadRecord(Segment segment, ReadOnlySpan<byte> record, RecordHeader header, int start, int end)
    {
        ReadOnlySpan<byte> fields = record.Slice(RecordHeader.Length, header.FieldLength);
        switch (header.Type)
        {
            case RecordType.Marker when fields.Length >= RecordFields.MarkerLength:
                LogPosition durable = RecordFields.ReadMarker(fields, out ulong lastId);
                SawId(lastId);
                ApplyTail(durable);
                _open.ForEach(Apply);
                _open.Clear();
                Durable = new LogPosition(segment.Number, end);
                break;

            case RecordType.Message or RecordType.LargeMessage when ReadMessage(segment, record, header, start) is { } message:
                SawId(message.Id.Value);
                _open.Add(new Entry(segment, start, end, header.Type, message.Id, message, []));
                break;

            case RecordType.Update when fields.Length >= RecordFields.UpdateLength:
                _open.Add(new Entry(segment, start, end, header.Type, RecordFields.ReadId(fields), null, RecordFields.ReadRecipients(fields)));
                break;

            case RecordType.Remove when fields.Length >= RecordFields.RemoveLength:
                _open.Add(new Entry(segment, start, end, header.Type, RecordFields.ReadId(fields), null, []));
                break;

            default:
                // Of a version or type we don't know, or a body whose CRC is wrong.
                _open.Add(Entry.Damaged(segment, start, end, 1));
                break;
        }
    }

    private static SpooledMessage? ReadMessage(Segment segment, ReadOnlySpan<byte> record, RecordHeader header, int start)
    {
        bool ownFile = header.Type == RecordType.LargeMessage;
        int fieldsEnd = RecordHeader.Length + header.FieldLength;
        SpooledMessage? message = RecordFields.ReadMessage(record[RecordHeader.Length..fieldsEnd], ownFile);
        if (message is null)
        {
            return null;
        }

        ReadOnlySpan<byte> body = record.Slice(fieldsEnd, header.BodyLength);
        if (!ownFile && (body.Length != message.Size || Crc32C.Append(0, body) != message.BodyCrc))
        {
            return null;
        }

        message.Segment = segment;
        message.RecordOffset = start;
        message.RecordLength = header.RecordLength;
        message.BodyOffset = start + fieldsEnd;
        return message;
    }

    /// <summary>The batch before the marker ended at this place: all up to it counts, even where its own marker was lost.</summary>
    private void ApplyTail(LogPosition durable)
    {
        if (!_tails.Remove(durable.Segment, out Tail? tail))
        {
            return;
        }

        foreach (Entry entry in tail.Entries.Where(e => e.Start < durable.Offset))
        {
            Apply(entry);
        }

        // Durable ends a page, and the last record somewhere in it.
        if (tail.End <= durable.Offset - BatchWriter.Page)
        {
            Apply(Entry.Damaged(tail.Segment, tail.End, (int)durable.Offset, 1));
        }
    }

    private void Apply(Entry entry)
    {
        switch (entry.Type)
        {
            case RecordType.None:
                Damage.Add(new DamagedRange(entry.Segment, entry.Start, entry.End - entry.Start, entry.Records));
                break;

            case RecordType.Remove:
                _live.Remove(entry.Id);
                break;

            case RecordType.Update:
                if (_live.TryGetValue(entry.Id, out ReplayedMessage? settled) && settled.Apply(entry.Updates))
                {
                    _live.Remove(entry.Id);
                }

                break;

            default:
                _live[entry.Id] = new ReplayedMessage(entry.Message!);
                break;
        }
    }

    private static bool FindRecord(ReadOnlySpan<byte> bytes, int at, ulong generation, out int found, out RecordHeader header)
    {
        Span<byte> pattern = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(pattern, generation);
        header = default;
        found = at;
        while (found + RecordHeader.Length <= bytes.Length)
        {
            if (RecordHeader.TryRead(bytes[found..], generation, out header))
            {
                return true;
            }

            // The generation is a record's fingerprint: look for the next one at a place where a record may start.
            int from = found + 8 + RecordHeader.GenerationOffset;
            int next = from < bytes.Length ? bytes[from..].IndexOf(pattern) : -1;
            if (next < 0)
            {
                return false;
            }

            found = (from + next - RecordHeader.GenerationOffset + 7) & ~7;
        }

        return false;
    }

    /// <summary>The zeros with which a batch fills up its page.</summary>
    private static bool IsPadding(ReadOnlySpan<byte> bytes, int end) =>
        bytes.Length < BatchWriter.Page && end % BatchWriter.Page == 0 && !bytes.ContainsAnyExcept((byte)0);

    private sealed record Tail(Segment Segment, List<Entry> Entries, int End);

    private readonly record struct Entry(
        Segment Segment, int Start, int End, RecordType Type, QueueId Id, SpooledMessage? Message, RecipientUpdate[] Updates, long Records = 1)
    {
        internal static Entry Damaged(Segment segment, int start, int end, long records) => new(segment, start, end, RecordType.None, default, null, [], records);
    }
}

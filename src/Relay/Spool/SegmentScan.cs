using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// Reads all records of one segment, bodies included, and works out what it says. A record counts when its batch's marker is there, or when a later segment's marker says that the log was
/// durable beyond it. Bytes that are no record but lie where records count are damage. One thread, one use.
/// </summary>
internal sealed class SegmentScan
{
    private readonly Segment _segment;
    private readonly SegmentWindow _window;
    private readonly SegmentContent _content = new();
    private readonly List<Entry> _open = [];
    private readonly Dictionary<QueueId, Entry> _messages = [];
    private readonly Dictionary<QueueId, List<RecipientUpdate>> _states = [];
    private bool _anyMarker;

    private SegmentScan(SpoolFiles files, Segment segment)
    {
        _segment = segment;
        _window = new SegmentWindow(files, segment);
    }

    /// <summary><paramref name="durable"/>: up to where a marker in a later segment says that this one was durable, or 0.</summary>
    internal static SegmentContent Read(SpoolFiles files, Segment segment, long durable)
    {
        var scan = new SegmentScan(files, segment);
        scan.ReadRecords(durable);
        scan.Conclude();
        return scan._content;
    }

    private void ReadRecords(long durable)
    {
        long at = SegmentHeader.DataStart;
        ulong last = 0;
        bool batchEnded = false;
        while (FindRecord(at, out long found, out RecordHeader header))
        {
            if (found > at && !(batchEnded && IsPadding(at, found)))
            {
                _open.Add(Entry.Damaged(at, found, last == 0 ? 1 : (long)(header.Sequence - last - 1)));
            }

            last = header.Sequence;
            at = Math.Min(found + header.RecordLength, _segment.Size);
            batchEnded = header.Type == RecordType.Marker;
            _content.Any = true;
            _content.Records++;
            _content.LastSequence = Math.Max(_content.LastSequence, last);
            ReadRecord(header, found, at);
        }

        // What follows is unused, or a torn batch. The batch before a later marker ended at its durable point: all up to there counts, even where the batch's own marker was lost.
        foreach (Entry entry in _open.Where(e => e.Start < durable))
        {
            Apply(entry);
        }

        _content.Torn = _open.Count(e => e.Start >= durable && e.Type != RecordType.None);
        _content.End = Math.Max(_content.End, durable);
        if (at <= durable - BatchWriter.Page)
        {
            // Durable ends a page, and the last record somewhere in it.
            Apply(Entry.Damaged(at, durable, 1));
        }
    }

    private void ReadRecord(RecordHeader header, long start, long end)
    {
        ReadOnlySpan<byte> fields = _window.Bytes(start + RecordHeader.Length, header.FieldLength);
        switch (header.Type)
        {
            case RecordType.Marker when fields.Length >= RecordFields.MarkerLength:
                LogPosition durable = RecordFields.ReadMarker(fields, out ulong lastId);
                _content.LastId = Math.Max(_content.LastId, lastId);
                _content.Before = _anyMarker ? _content.Before : durable;
                _anyMarker = true;
                _open.ForEach(Apply);
                _open.Clear();
                _content.End = end;
                break;

            case RecordType.Message or RecordType.LargeMessage when fields.Length >= RecordFields.MessageLength:
            case RecordType.Moved or RecordType.MovedLarge when fields.Length >= RecordFields.MovedLength:
                QueueId id = RecordFields.ReadId(fields);
                long from = header.Type is RecordType.Moved or RecordType.MovedLarge ? RecordFields.ReadMovedFrom(fields) : 0;
                _content.LastId = Math.Max(_content.LastId, id.Value);
                _open.Add(IsBodyWhole(header, fields, start) ? new Entry(start, end, header.Type, id, from, null) : Entry.Damaged(start, end, 1));
                break;

            case RecordType.Update when fields.Length >= RecordFields.UpdateLength:
                RecipientUpdate[] states = RecordFields.ReadStates(fields[RecordFields.UpdateLength..]);
                _open.Add(new Entry(start, end, header.Type, RecordFields.ReadId(fields), RecordFields.ReadSubjectSegment(fields), states));
                break;

            case RecordType.Remove when fields.Length >= RecordFields.RemoveLength:
                _open.Add(new Entry(start, end, header.Type, RecordFields.ReadId(fields), RecordFields.ReadSubjectSegment(fields), null));
                break;

            case RecordType.EarlierUpdate when fields.Length >= RecordFields.EarlierLength:
                states = RecordFields.ReadStates(fields[RecordFields.EarlierLength..]);
                _open.Add(new Entry(start, end, RecordType.Update, RecordFields.ReadId(fields), 0, states));
                break;

            case RecordType.EarlierRemove when fields.Length >= RecordFields.EarlierLength:
                _open.Add(new Entry(start, end, RecordType.Remove, RecordFields.ReadId(fields), 0, null));
                break;

            default:
                // Of a version or type we don't know.
                _open.Add(Entry.Damaged(start, end, 1));
                break;
        }
    }

    private bool IsBodyWhole(RecordHeader header, ReadOnlySpan<byte> fields, long start)
    {
        if (header.Type is RecordType.LargeMessage or RecordType.MovedLarge)
        {
            return true;
        }

        uint expected = RecordFields.ReadBodyCrc(fields);
        return header.BodyLength == RecordFields.ReadSize(fields) && _window.Crc(start + RecordHeader.Length + header.FieldLength, header.BodyLength) == expected;
    }

    private void Apply(Entry entry)
    {
        switch (entry.Type)
        {
            case RecordType.None:
                _content.Damage.Add(new DamagedRange(_segment, entry.Start, entry.End - entry.Start, entry.Records));
                break;

            case RecordType.Remove when IsHere(entry):
                _messages.Remove(entry.Id);
                break;

            case RecordType.Update when IsHere(entry):
                if (!_states.TryGetValue(entry.Id, out List<RecipientUpdate>? states))
                {
                    _states.Add(entry.Id, states = []);
                }

                states.AddRange(entry.States!);
                break;

            case RecordType.Remove or RecordType.Update:
                _content.Statements.Add(new Statement(entry.Segment, entry.Id, entry.States));
                break;

            default:
                _messages[entry.Id] = entry;
                if (entry.Segment != 0)
                {
                    _content.Statements.Add(new Statement(entry.Segment, entry.Id, null));
                }

                break;
        }
    }

    private bool IsHere(Entry entry) => entry.Segment == _segment.Number || (entry.Segment == 0 && _messages.ContainsKey(entry.Id));

    /// <summary>Only now the messages that are left are made: most of a busy segment's have come and gone in it.</summary>
    private void Conclude()
    {
        foreach ((QueueId id, Entry entry) in _messages.OrderBy(m => m.Value.Start))
        {
            RecordHeader.TryRead(_window.Bytes(entry.Start, RecordHeader.Length), _segment.Generation, out RecordHeader header);
            SpooledMessage? message = RecordFields.ReadMessage(entry.Type, _window.Bytes(entry.Start + RecordHeader.Length, header.FieldLength));
            if (message is null)
            {
                Apply(Entry.Damaged(entry.Start, entry.End, 1));
                continue;
            }

            message.LieIn(_segment, entry.Start, header);
            if (_states.TryGetValue(id, out List<RecipientUpdate>? states))
            {
                message.Apply(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(states));
            }

            if (message.Unsettled > 0)
            {
                _content.Messages.Add(message);
            }
        }

        _content.Unreadable = _window.Unreadable;
    }

    private bool FindRecord(long at, out long found, out RecordHeader header)
    {
        header = default;
        found = at;
        while (found + RecordHeader.Length <= _segment.Size)
        {
            if (_window.TryRecord(found, out header))
            {
                return true;
            }

            // The generation is a record's fingerprint: look for the next one at a place where a record may start.
            long next = _window.Find(_segment.Generation, found + 8 + RecordHeader.GenerationOffset);
            if (next < 0)
            {
                return false;
            }

            found = next - RecordHeader.GenerationOffset;
        }

        return false;
    }

    /// <summary>The zeros with which a batch fills up its page.</summary>
    private bool IsPadding(long at, long end) => end - at < BatchWriter.Page && end % BatchWriter.Page == 0 && _window.IsZero(at, (int)(end - at));

    private readonly record struct Entry(long Start, long End, RecordType Type, QueueId Id, long Segment, RecipientUpdate[]? States, long Records = 1)
    {
        internal static Entry Damaged(long start, long end, long records) => new(start, end, RecordType.None, default, 0, null, records);
    }
}

using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// One use of a segment file: recycled, the file goes on as another Segment. Knows the messages in it that are not gone, who else holds it (a reader, whoever writes or recovers it), and which
/// older segments its records speak about. Any thread, but for what <see cref="Speaks"/> says.
/// </summary>
internal sealed class Segment(int file, string path, long number, ulong generation, long size)
{
    /// <summary>More messages than fit in a segment: whoever goes past so many has been led round in circles.</summary>
    private const int MaximumSteps = 1 << 24;

    private readonly Lock _gate = new();
    private readonly Dictionary<long, long> _speaksOf = [];
    private SpooledMessage? _first;
    private SpooledMessage? _last;
    private int _holds;
    private bool _retired;
    private long _liveLength;
    private int _parked;
    private ulong _lowestId = ulong.MaxValue;
    private ulong _highestId;

    internal int File => file;

    internal string Path => path;

    internal long Number => number;

    internal ulong Generation => generation;

    internal long Size => size;

    /// <summary>Its content is damaged or can't be read: nothing is moved out of it, what lies in it stays until the last message is gone.</summary>
    internal bool IsStuck { get; set; }

    /// <summary>Up to where a younger segment's marker said at start that this one was durable; 0 when none did.</summary>
    internal long DurableEnd { get; set; }

    /// <summary>Messages in it are on disk alone: nobody could tell them that they were moved.</summary>
    internal bool HasParked => Volatile.Read(ref _parked) > 0;

    /// <summary>Octets of the records of messages that are not gone.</summary>
    internal long LiveLength => Interlocked.Read(ref _liveLength);

    /// <summary>Older segments that records in this one speak about, with the octets of these records. To be read once nobody writes the segment any more.</summary>
    internal IReadOnlyDictionary<long, long> SpeaksOf => _speaksOf;

    internal void Add(SpooledMessage message)
    {
        lock (_gate)
        {
            message.NextInSegment = _first;
            _first?.PreviousInSegment = message;
            _first = message;
            _last ??= message;
            _lowestId = Math.Min(_lowestId, message.Id.Value);
            _highestId = Math.Max(_highestId, message.Id.Value);
            _liveLength += message.RecordLength;
        }
    }

    internal void Remove(SpooledMessage message)
    {
        lock (_gate)
        {
            if (message.PreviousInSegment is { } previous)
            {
                previous.NextInSegment = message.NextInSegment;
            }
            else
            {
                _first = message.NextInSegment;
            }

            message.NextInSegment?.PreviousInSegment = message.PreviousInSegment;
            _last = _last == message ? message.PreviousInSegment : _last;
            message.PreviousInSegment = message.NextInSegment = null;
            _liveLength -= message.RecordLength;
        }
    }

    /// <summary>A message in it is live and nobody has it in memory. It takes a hold besides to keep the segment.</summary>
    internal void Park(SpooledMessage message)
    {
        lock (_gate)
        {
            _parked++;
            _liveLength += message.RecordLength;
        }
    }

    /// <summary>A parked message was added, or its batch failed.</summary>
    internal void Unpark(SpooledMessage message)
    {
        lock (_gate)
        {
            _parked--;
            _liveLength -= message.RecordLength;
        }
    }

    /// <summary>A message that <see cref="Messages"/> would give; null when it isn't here. Ids rise with time, so most segments are passed over without a look at their messages, and the others gone through from the nearer end.</summary>
    internal SpooledMessage? Find(QueueId id)
    {
        ulong lowest = Volatile.Read(ref _lowestId);
        ulong highest = Volatile.Read(ref _highestId);
        if (id.Value < lowest || id.Value > highest)
        {
            return null;
        }

        // Without the lock, for which whoever commits and settles would have to wait. A message that goes, or is moved, while we stand at it leads to nowhere or elsewhere: only who comes to the end as it is, or was, has seen all.
        bool newest = highest - id.Value < id.Value - lowest;
        SpooledMessage? message = Volatile.Read(ref newest ? ref _first : ref _last);
        SpooledMessage? end = Volatile.Read(ref newest ? ref _last : ref _first);
        SpooledMessage? before = null;
        for (int steps = 0; message is not null && steps < MaximumSteps; steps++)
        {
            if (message.Id == id)
            {
                return message;
            }

            before = message;
            message = newest ? message.NextInSegment : message.PreviousInSegment;
        }

        return message is null && (before == end || before == Volatile.Read(ref newest ? ref _last : ref _first)) ? null : FindLocked(id);
    }

    private SpooledMessage? FindLocked(QueueId id)
    {
        lock (_gate)
        {
            SpooledMessage? message = _first;
            while (message is not null && message.Id != id)
            {
                message = message.NextInSegment;
            }

            return message;
        }
    }

    /// <summary>The messages in it that are not gone and not parked.</summary>
    internal List<SpooledMessage> Messages()
    {
        var messages = new List<SpooledMessage>();
        lock (_gate)
        {
            for (SpooledMessage? message = _first; message is not null; message = message.NextInSegment)
            {
                messages.Add(message);
            }
        }

        return messages;
    }

    /// <summary>Keeps the file as it is until <see cref="Release"/>. False when it has been given up.</summary>
    internal bool TryHold()
    {
        lock (_gate)
        {
            _holds += _retired ? 0 : 1;
            return !_retired;
        }
    }

    internal void Release()
    {
        lock (_gate)
        {
            _holds--;
        }
    }

    /// <summary>Nothing in it is live and nobody holds it.</summary>
    internal bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return _first is null && _holds == 0;
            }
        }
    }

    /// <summary>Gives it up for good when it is idle: from now on nobody can hold it.</summary>
    internal bool TryRetire()
    {
        lock (_gate)
        {
            _retired |= _first is null && _holds == 0;
            return _retired;
        }
    }

    /// <summary>A record about a message in another segment was written here. By the one thread that writes or recovers the segment.</summary>
    internal void Speaks(long of, long length)
    {
        if (of == number)
        {
            return;
        }

        System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_speaksOf, of, out _) += length;
    }

    /// <summary>All that its records say of others was said again elsewhere, or those others are gone.</summary>
    internal void SaidElsewhere() => _speaksOf.Clear();
}

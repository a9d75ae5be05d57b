using Microsoft.Extensions.Logging;
using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// The end of one folder's queue that is on disk alone, because there was no room in memory when it came ("parked"). While it is not empty everything new is added to it, so it is a piece of the log
/// for each segment, in order, however much mail that is. Nobody knows a message in it: every message whose record lies there is live, and its segment is held until it was read back. The committer
/// adds, one reader takes.
/// </summary>
internal sealed class SpoolTail(QueueBound bound, SegmentStore segments, string folder, ILogger log)
{
    private readonly object _gate = new();
    private readonly Queue<Piece> _pieces = new();
    private Piece? _last;
    private volatile bool _parking;
    private bool _open;

    /// <summary>The committer's question for each message: whether it is parked. If so, <see cref="Add"/> or <see cref="Drop"/> has to follow for its batch; if not, room was taken for it.</summary>
    internal bool ParksNext()
    {
        if (!_parking && bound.TryTake())
        {
            return false;
        }

        lock (_gate)
        {
            if (!_parking && bound.TryTake())
            {
                return false;
            }

            Begin();
            _open = true;
            return true;
        }
    }

    /// <summary>A batch is durable in which messages were parked: none but these lies in this part of the segment, which is the one in use.</summary>
    internal void Add(Segment segment, long from, long to, int messages, QueueId lowest, QueueId highest)
    {
        lock (_gate)
        {
            if (_pieces.Count == 0 || _last!.Segment != segment)
            {
                _last = new Piece(segment) { From = from };
                _pieces.Enqueue(_last);
                segment.TryHold();
            }

            bound.Park(messages);
            _last.Messages += messages;
            _last.Lowest = lowest < _last.Lowest ? lowest : _last.Lowest;
            _last.Highest = highest > _last.Highest ? highest : _last.Highest;
            // What lies between this and the batch before is no message: it would have been parked.
            _last.To = to;
            _open = false;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>The pieces in which a parked message of this id may lie, each held: the caller releases them.</summary>
    internal List<(Segment Segment, long From, long To)> Hold(QueueId id)
    {
        lock (_gate)
        {
            return [.. _pieces.Where(p => p.Lowest <= id && id <= p.Highest && p.Segment.TryHold()).Select(static p => (p.Segment, p.From, p.To))];
        }
    }

    /// <summary>A batch in which messages were parked failed.</summary>
    internal void Drop()
    {
        lock (_gate)
        {
            _open = false;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Room for a message that is on disk. Waits while there is none, and what is new waits behind it. False when it was stopped.</summary>
    internal bool TakeRoom(CancellationToken stop)
    {
        if (bound.TryTake())
        {
            return true;
        }

        lock (_gate)
        {
            Begin();
        }

        return bound.Take(stop);
    }

    /// <summary>Waits for parked mail: the oldest, up to where it is durable now. False when it was stopped.</summary>
    internal bool Next(CancellationToken stop, out Segment segment, out long from, out long to)
    {
        using CancellationTokenRegistration wake = stop.Register(Wake);
        lock (_gate)
        {
            Piece? oldest;
            while (!_pieces.TryPeek(out oldest) && !stop.IsCancellationRequested)
            {
                if (_parking && !_open)
                {
                    _parking = false;
                    SpoolLog.TailEnded(log, folder);
                }

                Monitor.Wait(_gate);
            }

            (segment, from, to) = oldest is null ? (null!, 0, 0) : (oldest.Segment, oldest.From, oldest.To);
            return !stop.IsCancellationRequested;
        }
    }

    /// <summary>A message of the oldest is in memory again.</summary>
    internal void GivenBack()
    {
        lock (_gate)
        {
            _pieces.Peek().Messages--;
            bound.Park(-1);
        }
    }

    /// <summary>The oldest has been read up to here. <paramref name="keep"/>: its segment stays as it is for good.</summary>
    internal void Passed(long to, bool keep)
    {
        Segment? done = null;
        lock (_gate)
        {
            Piece oldest = _pieces.Peek();
            oldest.From = to;
            if (oldest.From == oldest.To)
            {
                _pieces.Dequeue();
                // Those that are damaged: only a restart can say what they were.
                bound.Park(-oldest.Messages);
                done = oldest.Segment;
            }

            if (keep)
            {
                oldest.Segment.TryHold();
            }
        }

        if (done is not null)
        {
            segments.Release(done);
        }
    }

    private void Begin()
    {
        if (!_parking)
        {
            _parking = true;
            SpoolLog.TailBegun(log, folder, bound.Taken);
        }
    }

    private void Wake()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    private sealed class Piece(Segment segment)
    {
        internal Segment Segment => segment;

        internal long From { get; set; }

        internal long To { get; set; }

        internal int Messages { get; set; }

        internal QueueId Lowest { get; set; } = new(ulong.MaxValue);

        internal QueueId Highest { get; set; }
    }
}

using Microsoft.Extensions.Logging;
using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// The segments: those of the log, and those ready for use. Its upkeep thread makes segments ahead of need, recycles those that nobody needs any more, and unlinks bodies of messages that are durably
/// gone. The committer takes segments, the compactor as well, and asks what there is to tidy; anybody may report that a segment has emptied.
/// Failures go to the condition: no space makes the spool full, anything else that doesn't pass fails it.
/// </summary>
internal sealed class SegmentStore
{
    /// <summary>Kept while the disk is full: one for settlements and our own notifications, and one for copies, which free others.</summary>
    private const int Reserve = 2;

    private const int CopiesReserve = 1;

    private const int Target = Reserve + 2;
    private const int MostReady = 6;
    private const int RetryMilliseconds = 250;

    // Segments that may be thin before it is worth while to move anything: those that are about to empty by themselves.
    private const int Slack = 4;
    private const int LookMilliseconds = 1000;

    private readonly SegmentMaker _maker;
    private readonly SpoolFiles _files;
    private readonly SpoolCondition _condition;
    private readonly ILogger _log;
    private readonly object _gate = new();
    private readonly List<Segment> _inLog;
    private readonly HashSet<long> _withRecords;
    private readonly Queue<Segment> _empty;
    private readonly Queue<Segment> _ready = new();
    private readonly Queue<Segment> _left = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<QueueId> _unlink = [];
    private Segment? _active;
    private Segment? _copies;
    private string? _noSpace;
    private long _retryAt;
    private bool _ahead;
    private bool _recovered;
    private bool _tidying = true;
    private bool _stop;

    /// <summary>Begins with what was found at start: segments that may have records, which are held until they have been read, and those certainly without any, which are usable at once.</summary>
    internal SegmentStore(SegmentMaker maker, SpoolFiles files, SpoolCondition condition, ILogger log, IEnumerable<Segment> old, IEnumerable<Segment> empty)
    {
        _maker = maker;
        _files = files;
        _condition = condition;
        _log = log;
        _inLog = [.. old];
        _inLog.ForEach(static s => s.TryHold());
        _withRecords = [.. _inLog.Select(static s => s.Number)];
        _empty = new Queue<Segment>(empty);
    }

    internal int Count
    {
        get
        {
            lock (_gate)
            {
                return _inLog.Count + _empty.Count + _ready.Count;
            }
        }
    }

    /// <summary>Makes the first segment ready, then starts the thread. Returns the errno of the failure: without a segment the spool can't open.</summary>
    internal int Start()
    {
        int error = MakeReady();
        if (error == 0)
        {
            new Thread(Run) { IsBackground = true, Name = "spool upkeep", Priority = ThreadPriority.BelowNormal }.Start();
        }

        return error;
    }

    /// <summary>The committer's next segment, the first without regard to the reserve; waits for upkeep. Null when there is none to be had: the condition says why.</summary>
    internal Segment? Take(bool mayUseReserve)
    {
        lock (_gate)
        {
            while (!_stop && !_condition.IsFailed)
            {
                int kept = _active is null ? 0 : mayUseReserve ? CopiesReserve : Reserve;
                if (_ready.Count > kept)
                {
                    Leave(_active);
                    _active = Use();
                    return _active;
                }

                if (_noSpace is not null)
                {
                    // What is left is the reserve, or nothing.
                    _condition.Full(_noSpace);
                    return null;
                }

                MakeAhead();
                Monitor.Wait(_gate);
            }

            return null;
        }
    }

    /// <summary>From now on segments are made ahead of need. Before, only when one is waited for: a start has the processors and the disk for itself.</summary>
    internal void MakeAhead()
    {
        lock (_gate)
        {
            if (!_ahead)
            {
                _ahead = true;
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>A segment for copies, without waiting. While there is no space it may be the reserve, because what is moved frees another.</summary>
    internal Segment? TakeForCopies()
    {
        lock (_gate)
        {
            if (_stop || _condition.IsFailed || _ready.Count <= (_noSpace is null ? Reserve : 0))
            {
                return null;
            }

            _copies = Use();
            return _copies;
        }
    }

    /// <summary>No more copies go into the segment that was taken for them.</summary>
    internal void EndCopies()
    {
        lock (_gate)
        {
            Leave(_copies);
            _copies = null;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits for a segment to tidy, and holds it: one that nobody writes any more and that needs its index, or one from which to move what is live. False when it's over.</summary>
    internal bool NextToTidy(out Segment? left, out Segment? sparse)
    {
        lock (_gate)
        {
            sparse = null;
            while (true)
            {
                if (!_tidying)
                {
                    left = null;
                    return false;
                }

                if (_left.TryDequeue(out left))
                {
                    if (left.TryHold())
                    {
                        return true;
                    }
                }
                else if (Sparsest() is { } found && found.TryHold())
                {
                    sparse = found;
                    return true;
                }
                else
                {
                    Monitor.Wait(_gate, _inLog.Count > Slack ? LookMilliseconds : Timeout.Infinite);
                }
            }
        }
    }

    /// <summary>Waits, unless the tidying is over: then false.</summary>
    internal bool Pause(TimeSpan time)
    {
        long end = Environment.TickCount64 + (long)time.TotalMilliseconds;
        lock (_gate)
        {
            while (_tidying && end - Environment.TickCount64 is var left and > 0)
            {
                Monitor.Wait(_gate, (int)left);
            }

            return _tidying;
        }
    }

    internal void EndTidying()
    {
        lock (_gate)
        {
            _tidying = false;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>The segments of the log at this moment, oldest first.</summary>
    internal Segment[] All()
    {
        lock (_gate)
        {
            return [.. _inLog];
        }
    }

    /// <summary>Whether there is a segment of this number whose records a restart would read.</summary>
    internal bool Exists(long number)
    {
        lock (_gate)
        {
            return _withRecords.Contains(number);
        }
    }

    /// <summary>All that was there at start has been read.</summary>
    internal void Recovered()
    {
        lock (_gate)
        {
            _recovered = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Ends a hold.</summary>
    internal void Release(Segment segment)
    {
        segment.Release();
        if (segment.IsIdle)
        {
            Emptied(segment);
        }
    }

    /// <summary>Nothing is live any more in a segment.</summary>
    internal void Emptied(Segment segment)
    {
        // The committer's own empties often and matters only once the committer has left it, and Take wakes upkeep then.
        if (segment == Volatile.Read(ref _active))
        {
            return;
        }

        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Bodies that no record needs any more.</summary>
    internal void Unlink(IEnumerable<QueueId> bodies)
    {
        lock (_gate)
        {
            _unlink.AddRange(bodies);
            Monitor.PulseAll(_gate);
        }
    }

    internal void Unlink(QueueId body)
    {
        lock (_gate)
        {
            _unlink.Add(body);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Ends upkeep, after the unlinking it owes, and closes all files. The committer has ended before.</summary>
    internal async ValueTask StopAsync()
    {
        lock (_gate)
        {
            _stop = true;
            Monitor.PulseAll(_gate);
        }

        await _ended.Task.ConfigureAwait(false);
        foreach (Segment segment in _inLog.Concat(_empty).Concat(_ready))
        {
            _files.Storage.Close(segment.File);
        }
    }

    private void Run()
    {
        var bodies = new List<QueueId>();
        while (true)
        {
            Segment? retired = null;
            lock (_gate)
            {
                while (true)
                {
                    if (_unlink.Count > 0)
                    {
                        (bodies, _unlink) = (_unlink, bodies);
                        break;
                    }

                    if (_stop)
                    {
                        _ended.SetResult();
                        return;
                    }

                    long now = Environment.TickCount64;
                    bool healthy = !_condition.IsFailed;
                    if (healthy && Retire() is { } free)
                    {
                        retired = free;
                        break;
                    }

                    bool wanted = healthy && _ahead && (_ready.Count < Target || _empty.Count > 0);
                    if (wanted && (_noSpace is null || now >= _retryAt))
                    {
                        break;
                    }

                    Monitor.Wait(_gate, wanted ? (int)Math.Max(1, _retryAt - now) : Timeout.Infinite);
                }
            }

            if (bodies.Count > 0)
            {
                UnlinkBodies(bodies);
            }
            else if (retired is not null)
            {
                Reuse(retired);
            }
            else
            {
                MakeReady();
            }
        }
    }

    private Segment Use()
    {
        Segment segment = _ready.Dequeue();
        _inLog.Add(segment);
        _withRecords.Add(segment.Number);
        Monitor.PulseAll(_gate);
        return segment;
    }

    private void Leave(Segment? segment)
    {
        if (segment is not null)
        {
            _left.Enqueue(segment);
        }
    }

    /// <summary>
    /// Takes out of the log a segment that nobody needs: nothing in it is live or held, and the segments that its records speak about are gone, durably. Otherwise settlements would be overwritten
    /// that older messages still need.
    /// </summary>
    private Segment? Retire()
    {
        Segment? free = _inLog.Find(s => s != _active && s != _copies && s.IsIdle && !s.SpeaksOf.Keys.Any(_withRecords.Contains) && s.TryRetire());
        if (free is not null)
        {
            _inLog.Remove(free);
        }

        return free;
    }

    /// <summary>The segment with the least to move, when together they hold more that is dead than is live.</summary>
    private Segment? Sparsest()
    {
        if (!_recovered || _condition.IsFailed || _inLog.Count <= (_noSpace is null ? Slack : 0))
        {
            return null;
        }

        long used = 0;
        long needed = 0;
        Segment? sparsest = null;
        long least = long.MaxValue;
        foreach (Segment segment in _inLog)
        {
            if (segment == _active || segment == _copies || segment.IsStuck)
            {
                continue;
            }

            long cost = segment.LiveLength + segment.SpeaksOf.Where(s => _withRecords.Contains(s.Key)).Sum(static s => s.Value);
            used += segment.Size;
            needed += cost;
            if (cost > 0 && !segment.HasParked && cost < least && cost < segment.Size / 2)
            {
                sparsest = segment;
                least = cost;
            }
        }

        return _noSpace is not null || used > (2 * needed) + (Slack * (long)_maker.SegmentSize) ? sparsest : null;
    }

    /// <summary>One more ready segment: from an empty one, from one that can go, or a new file.</summary>
    private int MakeReady()
    {
        Segment? old;
        lock (_gate)
        {
            if (!_empty.TryDequeue(out old))
            {
                old = Retire();
            }
        }

        if (old is not null)
        {
            int reused = Reuse(old);
            return reused != 0 || Ready > 0 ? reused : MakeReady();
        }

        int error = _maker.Make(out Segment? made, out string step);
        Add(error, made, step);
        return error;
    }

    private int Ready
    {
        get
        {
            lock (_gate)
            {
                return _ready.Count;
            }
        }
    }

    private int Reuse(Segment old)
    {
        int error;
        Segment? made = null;
        string step;
        if (Ready >= MostReady || !_maker.CanRecycle(old))
        {
            error = _maker.Remove(old, out step);
        }
        else
        {
            error = _maker.Recycle(old, out made, out step);
        }

        lock (_gate)
        {
            if (error == 0)
            {
                _withRecords.Remove(old.Number);
            }
            else
            {
                // Tried again, when it was for want of space.
                _empty.Enqueue(old);
            }
        }

        if (error != 0 || made is not null)
        {
            Add(error, made, step);
        }

        return error;
    }

    private void Add(int error, Segment? made, string step)
    {
        lock (_gate)
        {
            if (made is not null)
            {
                _ready.Enqueue(made);
                _noSpace = null;
                if (_ready.Count > Reserve)
                {
                    _condition.SpaceAgain();
                }
            }
            else if (Errno.IsSpace(error) || Errno.IsShortage(error))
            {
                _noSpace = $"{step}: {Errno.Text(error)}";
                _retryAt = Environment.TickCount64 + RetryMilliseconds;
                if (_ready.Count <= Reserve)
                {
                    _condition.Full(_noSpace);
                }
            }
            else
            {
                _condition.Fail($"{step}: {Errno.Text(error)}");
            }

            Monitor.PulseAll(_gate);
        }
    }

    private void UnlinkBodies(List<QueueId> bodies)
    {
        foreach (QueueId id in bodies)
        {
            string path = _files.BodyPath(id);
            int error = _files.Storage.Unlink(path);
            // A leftover costs space until the next start, which removes it.
            if (error is not (0 or Errno.NotFound))
            {
                SpoolLog.NotRemoved(_log, path, Errno.Text(error));
            }
        }

        bodies.Clear();
    }
}

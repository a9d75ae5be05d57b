using Microsoft.Extensions.Logging;
using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// The segments: those of the log, oldest first, and those ready for use. Its upkeep thread makes segments ahead of need, recycles the oldest when nothing in
/// it is live,
/// and unlinks bodies of messages that are durably gone. The committer takes segments; anybody may report that a segment has emptied.
/// Failures go to the condition: no space makes the spool full, anything else fails it.
/// </summary>
internal sealed class SegmentStore
{
    /// <summary>Kept for settlements and our own notifications while the disk is full.</summary>
    private const int Reserve = 1;

    private const int Target = Reserve + 2;
    private const int MostReady = 6;
    private const int RetryMilliseconds = 250;

    private readonly SegmentMaker _maker;
    private readonly SpoolFiles _files;
    private readonly SpoolCondition _condition;
    private readonly ILogger _log;
    private readonly object _gate = new();
    private readonly Queue<Segment> _inLog;
    private readonly Queue<Segment> _empty;
    private readonly Queue<Segment> _ready = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<QueueId> _unlink = [];
    private Segment? _active;
    private string? _noSpace;
    private long _retryAt;
    private bool _stop;

    /// <summary>Begins with what recovery found: segments with records in them, oldest first, and those without any, which are usable at once.</summary>
    internal SegmentStore(SegmentMaker maker, SpoolFiles files, SpoolCondition condition, ILogger log, IEnumerable<Segment> inLog, IEnumerable<Segment> empty)
    {
        _maker = maker;
        _files = files;
        _condition = condition;
        _log = log;
        _inLog = new Queue<Segment>(inLog);
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

    /// <summary>The committer's next segment; waits for upkeep. Null when there is none to be had: the condition says why.</summary>
    internal Segment? Take(bool mayUseReserve)
    {
        lock (_gate)
        {
            while (!_stop && !_condition.IsFailed)
            {
                if (_ready.Count > (mayUseReserve ? 0 : Reserve))
                {
                    _active = _ready.Dequeue();
                    _inLog.Enqueue(_active);
                    Monitor.PulseAll(_gate);
                    return _active;
                }

                if (_noSpace is not null)
                {
                    // What is left is the reserve, or nothing.
                    _condition.Full(_noSpace);
                    return null;
                }

                Monitor.Wait(_gate);
            }

            return null;
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
                    if (healthy && CanRetire())
                    {
                        retired = _inLog.Dequeue();
                        break;
                    }

                    bool wanted = healthy && (_ready.Count < Target || _empty.Count > 0);
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

    /// <summary>Oldest first, or settlements would be overwritten that older messages still need.</summary>
    private bool CanRetire() => _inLog.TryPeek(out Segment? oldest) && oldest != _active && Volatile.Read(ref oldest.Live) == 0;

    /// <summary>One more ready segment: from an empty one, from the oldest when it can go, or a new file.</summary>
    private int MakeReady()
    {
        Segment? old;
        lock (_gate)
        {
            if (!_empty.TryDequeue(out old) && CanRetire())
            {
                old = _inLog.Dequeue();
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
        if (Ready >= MostReady || !_maker.CanRecycle(old))
        {
            error = _maker.Remove(old, out string failed);
            if (error != 0)
            {
                Add(error, null, failed);
            }

            return error;
        }

        error = _maker.Recycle(old, out Segment? made, out string step);
        Add(error, made, step);
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
            else if (Errno.IsSpace(error))
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

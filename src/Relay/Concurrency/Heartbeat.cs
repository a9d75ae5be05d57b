namespace Relay.Concurrency;

/// <summary>
/// One timer for every deadline of the process (100 ms, so a deadline is kept to within that): a session pays one number per wait instead of a timer or a token source.
/// Callbacks run on the timer's thread, must not block, and are repeated at each beat until the deadline is set anew or cleared. Any thread.
/// </summary>
internal sealed class Heartbeat : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly List<Deadline> _deadlines = [];
    private readonly List<Deadline> _expired = [];
    private readonly ITimer _timer;
    private int _beating;

    public Heartbeat(TimeProvider time)
    {
        Time = time;
        _timer = time.CreateTimer(static s => ((Heartbeat)s!).Beat(), this, Interval, Interval);
    }

    internal TimeProvider Time { get; }

    /// <summary>A deadline that isn't set yet; its owner disposes it.</summary>
    public Deadline Register(Action expired)
    {
        var deadline = new Deadline(this, expired);
        lock (_lock)
        {
            deadline.Index = _deadlines.Count;
            _deadlines.Add(deadline);
        }

        return deadline;
    }

    public void Dispose() => _timer.Dispose();

    internal void Remove(Deadline deadline)
    {
        lock (_lock)
        {
            int index = deadline.Index;
            if (index < 0)
            {
                return;
            }

            Deadline last = _deadlines[^1];
            _deadlines[index] = last;
            last.Index = index;
            _deadlines.RemoveAt(_deadlines.Count - 1);
            deadline.Index = -1;
        }
    }

    private void Beat()
    {
        // A beat that takes longer than the interval isn't overtaken by the next one.
        if (Interlocked.Exchange(ref _beating, 1) != 0)
        {
            return;
        }

        try
        {
            long now = Time.GetTimestamp();
            lock (_lock)
            {
                foreach (Deadline deadline in _deadlines)
                {
                    if (deadline.IsDue(now))
                    {
                        _expired.Add(deadline);
                    }
                }
            }

            // Outside the lock: a callback may resume a session that registers or removes a deadline.
            foreach (Deadline deadline in _expired)
            {
                deadline.Expire();
            }

            _expired.Clear();
        }
        finally
        {
            Volatile.Write(ref _beating, 0);
        }
    }
}

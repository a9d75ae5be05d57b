namespace Relay.Spool;

/// <summary>
/// Counts the messages of all folders that are in memory against the most there may be, and those that wait on disk alone. Once it was full there is no room until a quarter is free again, so that
/// what waits on disk comes back in large pieces and before what is new. Any thread; room that was taken is given back when the message is gone.
/// </summary>
internal sealed class QueueBound(int most)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly int _low = most - 1 - (most / 4);
    private readonly object _gate = new();
    private long _taken;
    private long _parked;
    private volatile bool _full;

    /// <summary>Messages in memory.</summary>
    internal long Taken => Interlocked.Read(ref _taken);

    /// <summary>Messages on disk alone.</summary>
    internal long Parked => Interlocked.Read(ref _parked);

    /// <summary>How long a new message's acknowledgement is held back: the more wait on disk alone, the longer; all of it when they are as many as those in memory may be.</summary>
    internal TimeSpan Pause => LongestPause * Math.Min(1, (double)Parked / most);

    internal bool TryTake()
    {
        if (_full)
        {
            return false;
        }

        long taken = Taken;
        while (taken < most)
        {
            long seen = Interlocked.CompareExchange(ref _taken, taken + 1, taken);
            if (seen == taken)
            {
                return true;
            }

            taken = seen;
        }

        lock (_gate)
        {
            // It may have emptied meanwhile, and then nobody would say so again.
            _full = Taken > _low;
        }

        return false;
    }

    /// <summary>Waits for room. False when it was stopped.</summary>
    internal bool Take(CancellationToken stop)
    {
        using CancellationTokenRegistration wake = stop.Register(Wake);
        while (!TryTake())
        {
            lock (_gate)
            {
                while (_full && !stop.IsCancellationRequested)
                {
                    Monitor.Wait(_gate);
                }
            }

            if (stop.IsCancellationRequested)
            {
                return false;
            }
        }

        return true;
    }

    internal void Give()
    {
        if (Interlocked.Decrement(ref _taken) == _low)
        {
            lock (_gate)
            {
                _full = false;
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>So many more messages are on disk alone, or fewer.</summary>
    internal void Park(int messages) => Interlocked.Add(ref _parked, messages);

    private void Wake()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }
}

using Relay.Concurrency;

namespace Relay.Flow.Queue;

/// <summary>
/// The messages that wait for their time, on one timer wheel. Any thread hands messages in without a lock; one loop owns the wheel and hands out what is due.
/// </summary>
internal sealed class ScheduledQueue
{
    /// <summary>Retries are minutes apart; a tenth of a second is as exact as anyone needs.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    private readonly HandOver<QueuedMessage> _arriving = new();
    private readonly TimeProvider _time;
    private readonly DateTimeOffset _epoch;
    private readonly long _started;
    private readonly TimerWheel<QueuedMessage> _wheel = new(0);
    private long _count;
    private Search? _search;
    private volatile bool _ended;

    public ScheduledQueue(TimeProvider time)
    {
        _time = time;
        _epoch = time.GetUtcNow();
        _started = time.GetTimestamp();
    }

    public long Count => Volatile.Read(ref _count);

    public void Add(QueuedMessage message)
    {
        Interlocked.Increment(ref _count);
        // Rounded up: nothing comes before its time.
        message.DueTick = (message.NextAttempt - _epoch + Tick - TimeSpan.FromTicks(1)).Ticks / Tick.Ticks;
        _arriving.Push(message);
    }

    /// <summary>Takes out what <paramref name="which"/> selects, linked, at the next tick: the loop looks at every message. One search at a time; none once the loop has ended.</summary>
    public Task<QueuedMessage?> TakeOutAsync(Predicate<QueuedMessage> which)
    {
        var search = new Search(which);
        Volatile.Write(ref _search, search);
        Interlocked.MemoryBarrier();
        if (_ended)
        {
            search.Found.TrySetResult(null);
        }

        return search.Found.Task;
    }

    /// <summary>The owner's loop: gives each message that has come due to <paramref name="due"/>, until stopped.</summary>
    public async Task RunAsync(Action<QueuedMessage> due, Action beat, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Tick, _time);
        while (await NextAsync(timer, stop).ConfigureAwait(false))
        {
            for (QueuedMessage? item = _arriving.TakeAll(); item is not null;)
            {
                QueuedMessage? next = item.Next;
                _wheel.Add(item);
                item = next;
            }

            if (Interlocked.Exchange(ref _search, null) is { } search)
            {
                TakeOut(search);
            }

            // Elapsed time and not the clock's: a clock that is set back must not freeze the queue, one that is set forward must not flush it.
            for (QueuedMessage? item = _wheel.Advance(_time.GetElapsedTime(_started).Ticks / Tick.Ticks); item is not null;)
            {
                QueuedMessage? next = item.Next;
                item.Next = null;
                Interlocked.Decrement(ref _count);
                due(item);
                item = next;
            }

            beat();
        }

        _ended = true;
        Interlocked.MemoryBarrier();
        Volatile.Read(ref _search)?.Found.TrySetResult(null);
    }

    private void TakeOut(Search search)
    {
        QueuedMessage? first = _wheel.Remove(search.Which);
        for (QueuedMessage? message = first; message is not null; message = message.Next)
        {
            Interlocked.Decrement(ref _count);
        }

        search.Found.TrySetResult(first);
    }

    private static async ValueTask<bool> NextAsync(PeriodicTimer timer, CancellationToken stop)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private sealed record Search(Predicate<QueuedMessage> Which)
    {
        public TaskCompletionSource<QueuedMessage?> Found { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

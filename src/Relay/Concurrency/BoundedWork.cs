using System.Collections.Concurrent;

namespace Relay.Concurrency;

/// <summary>
/// Runs work on the thread pool, never more than so many pieces at once; what is one too many waits its turn, in order. Any thread. The work must not throw.
/// </summary>
internal sealed class BoundedWork<T>(int maximum, Func<T, Task> work)
{
    private readonly ConcurrentQueue<T> _waiting = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;
    private volatile bool _stopping;

    /// <summary>Pieces that run now.</summary>
    public int Running => Volatile.Read(ref _running);

    public int Waiting => _waiting.Count;

    /// <summary>Begins it now or as soon as there is room.</summary>
    public void Post(T item)
    {
        if (TryEnter())
        {
            Start(item);
            return;
        }

        _waiting.Enqueue(item);
        // All that ran may have ended between the two steps.
        StartWaiting();
    }

    /// <summary>Nothing is begun any more, what waits is forgotten. Completes when what runs has ended.</summary>
    public Task StopAsync()
    {
        _stopping = true;
        if (Interlocked.CompareExchange(ref _running, 0, 0) == 0)
        {
            _ended.TrySetResult();
        }

        return _ended.Task;
    }

    private void Start(T item) => ThreadPool.UnsafeQueueUserWorkItem(static state => _ = state.Work.RunAsync(state.Item), (Work: this, Item: item), preferLocal: false);

    private async Task RunAsync(T item)
    {
        if (!_stopping)
        {
            await work(item).ConfigureAwait(false);
        }

        Leave();
        StartWaiting();
    }

    private bool TryEnter()
    {
        if (Interlocked.Increment(ref _running) <= maximum)
        {
            return true;
        }

        Leave();
        return false;
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _running) == 0 && _stopping)
        {
            _ended.TrySetResult();
        }
    }

    private void StartWaiting()
    {
        while (!_stopping && !_waiting.IsEmpty && TryEnter())
        {
            if (_waiting.TryDequeue(out T? next))
            {
                Start(next);
            }
            else
            {
                Leave();
            }
        }
    }
}

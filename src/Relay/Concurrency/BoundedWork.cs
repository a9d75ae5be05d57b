using System.Runtime.InteropServices;

namespace Relay.Concurrency;

/// <summary>
/// Runs work on the thread pool, never more than so many pieces at once; what is one too many waits its turn, in order. What is posted several times has one turn among the others, each time around. Any thread. The
/// work must not throw.
/// </summary>
internal sealed class BoundedWork<T>(int maximum, Func<T, Task> work)
    where T : notnull
{
    private readonly Lock _gate = new();
    private readonly Queue<T> _turns = new();
    private readonly Dictionary<T, int> _wanted = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;
    private int _waiting;
    private volatile bool _stopping;

    /// <summary>Pieces that run now.</summary>
    public int Running => Volatile.Read(ref _running);

    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Begins it now or as soon as there is room.</summary>
    public void Post(T item)
    {
        if (TryEnter())
        {
            Start(item);
            return;
        }

        lock (_gate)
        {
            ref int wanted = ref CollectionsMarshal.GetValueRefOrAddDefault(_wanted, item, out bool waits);
            wanted++;
            _waiting++;
            if (!waits)
            {
                _turns.Enqueue(item);
            }
        }

        // All that ran may have ended between the two steps: whoever leaves looks at what waits after it left, and here what waits is told before it is looked whether there is room.
        Interlocked.MemoryBarrier();
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

    /// <summary>The count is never above the limit, not even for a moment: who left in that moment would see no room, and nobody would begin what waits.</summary>
    private bool TryEnter()
    {
        int running = Running;
        while (running < maximum)
        {
            int seen = Interlocked.CompareExchange(ref _running, running + 1, running);
            if (seen == running)
            {
                return true;
            }

            running = seen;
        }

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
        while (!_stopping && Waiting > 0 && TryEnter())
        {
            if (TryTake(out T? next))
            {
                Start(next);
            }
            else
            {
                Leave();
            }
        }
    }

    private bool TryTake([System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T item)
    {
        lock (_gate)
        {
            if (!_turns.TryDequeue(out item))
            {
                return false;
            }

            _waiting--;
            if (--CollectionsMarshal.GetValueRefOrNullRef(_wanted, item) == 0)
            {
                _wanted.Remove(item);
            }
            else
            {
                _turns.Enqueue(item);
            }

            return true;
        }
    }
}

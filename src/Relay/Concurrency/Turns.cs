namespace Relay.Concurrency;

/// <summary>
/// What takes a processor for a while is done by few at a time: the others wait for their turn, in order, in a room of limited size and for a limited time. Any thread.
/// </summary>
internal sealed class Turns(int atATime, int room, TimeSpan patience, TimeProvider time)
{
    private readonly Lock _gate = new();

    /// <summary>In order. Who gave up waiting stands here, completed, until it would have been its turn.</summary>
    private readonly Queue<TaskCompletionSource<bool>> _waiting = new();

    /// <summary>A turn on its way from one to the next is taken.</summary>
    private int _taken;

    /// <summary>Somebody has a turn or waits for one.</summary>
    public bool IsBusy
    {
        get
        {
            lock (_gate)
            {
                return _taken > 0;
            }
        }
    }

    /// <summary>How many wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>
    /// Waits for a turn, which <see cref="End"/> ends. False: there is none, because the room is full, the time was up or <paramref name="cancel"/> came. <paramref name="isExpected"/>: for the next part of what had a turn before and isn't worth
    /// beginning for nothing: it finds room in any case.
    /// </summary>
    public ValueTask<bool> TryTakeAsync(bool isExpected, CancellationToken cancel)
    {
        lock (_gate)
        {
            if (_taken < atATime)
            {
                _taken++;
                return new(true);
            }

            if (!isExpected && _waiting.Count >= room)
            {
                return new(false);
            }

            var turn = new TaskCompletionSource<bool>();
            _waiting.Enqueue(turn);
            return WaitAsync(turn, cancel);
        }
    }

    /// <summary>The turn is the next one's. He doesn't begin on this thread, nor before what the pool has to do already: work that comes in turns is never in the way of all other work.</summary>
    public void End()
    {
        lock (_gate)
        {
            if (_waiting.Count == 0)
            {
                _taken--;
                return;
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(static turns => turns.PassOn(), this, preferLocal: false);
    }

    private async ValueTask<bool> WaitAsync(TaskCompletionSource<bool> turn, CancellationToken cancel)
    {
        Task wait = turn.Task.WaitAsync(patience, time, cancel);
        await wait.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // The turn may have come in the same moment: then it is taken.
        return !turn.TrySetResult(false) && await turn.Task.ConfigureAwait(false);
    }

    private void PassOn()
    {
        while (true)
        {
            TaskCompletionSource<bool>? next;
            lock (_gate)
            {
                if (!_waiting.TryDequeue(out next))
                {
                    _taken--;
                    return;
                }
            }

            if (next.TrySetResult(true))
            {
                return;
            }
        }
    }
}

namespace Relay.Spool;

/// <summary>
/// The threads that write, sync and close bodies' own files, so that no pool thread waits for the disk; all but the first are made when there is work and none is free. A transaction has one piece of work here at a time.
/// </summary>
internal sealed class BodyWriters
{
    // Many: each sync waits for the disk alone, and the file system gathers those that wait together into one commit of its journal.
    private const int MostThreads = 48;

    private readonly object _gate = new();
    private readonly Queue<SpoolTransaction> _waiting = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;
    private int _idle;
    private bool _stop;

    /// <summary>The first thread; the others come with the work.</summary>
    internal void Start()
    {
        _running = 1;
        StartThread();
    }

    internal void Enqueue(SpoolTransaction transaction)
    {
        if (!TryEnqueue(transaction, out bool more))
        {
            transaction.Finish(SpoolFailure.Failed);
        }
        else if (more)
        {
            StartAnother();
        }
    }

    internal Task StopAsync()
    {
        lock (_gate)
        {
            _stop = true;
            Monitor.PulseAll(_gate);
        }

        return _ended.Task;
    }

    private bool TryEnqueue(SpoolTransaction transaction, out bool more)
    {
        lock (_gate)
        {
            if (_stop)
            {
                more = false;
                return false;
            }

            more = _waiting.Count >= _idle && _running < MostThreads;
            _running += more ? 1 : 0;
            _waiting.Enqueue(transaction);
            Monitor.Pulse(_gate);
            return true;
        }
    }

    private void StartAnother()
    {
        try
        {
            StartThread();
        }
        catch (OutOfMemoryException)
        {
            // The system gives no more threads now: those that are there do the work.
            lock (_gate)
            {
                Leave();
            }
        }
    }

    /// <summary>One thread less, under the gate. The last one may be one that never came, when all others have ended.</summary>
    private void Leave()
    {
        if (--_running == 0)
        {
            _ended.SetResult();
        }
    }

    private void StartThread() => new Thread(Run) { IsBackground = true, Name = "spool bodies" }.Start();

    private void Run()
    {
        while (true)
        {
            SpoolTransaction? transaction;
            lock (_gate)
            {
                while (!_waiting.TryDequeue(out transaction))
                {
                    if (_stop)
                    {
                        Leave();
                        return;
                    }

                    _idle++;
                    Monitor.Wait(_gate);
                    _idle--;
                }
            }

            transaction.WorkOnFile();
        }
    }
}

namespace Relay.Spool;

/// <summary>
/// The threads that write, sync and close bodies' own files, so that no pool thread waits for the disk. A transaction has one piece of work here at a time.
/// </summary>
internal sealed class BodyWriters
{
    // Many: each sync waits for the disk alone, and the file system gathers those that wait together into one commit of its journal.
    private const int Threads = 48;

    private readonly object _gate = new();
    private readonly Queue<SpoolTransaction> _waiting = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running = Threads;
    private bool _stop;

    internal void Start()
    {
        for (int i = 0; i < Threads; i++)
        {
            new Thread(Run) { IsBackground = true, Name = "spool bodies" }.Start();
        }
    }

    internal void Enqueue(SpoolTransaction transaction)
    {
        lock (_gate)
        {
            if (!_stop)
            {
                _waiting.Enqueue(transaction);
                Monitor.Pulse(_gate);
                return;
            }
        }

        transaction.Finish(SpoolFailure.Failed);
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
                        if (--_running == 0)
                        {
                            _ended.SetResult();
                        }

                        return;
                    }

                    Monitor.Wait(_gate);
                }
            }

            transaction.WorkOnFile();
        }
    }
}

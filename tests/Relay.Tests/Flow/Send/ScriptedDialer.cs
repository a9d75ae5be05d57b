using System.Collections.Concurrent;
using System.Net;
using Relay.Flow.Send;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Send;

/// <summary>Dials by a script: <see cref="Dial"/> says for each end point whether it answers (a completed task), hangs or fails. Counts what was opened and not closed.</summary>
internal sealed class ScriptedDialer : IDialer
{
    private int _open;

    public Func<EndPoint, Task> Dial { get; set; } = static _ => Task.CompletedTask;

    public ConcurrentQueue<EndPoint> Begun { get; } = new();

    /// <summary>The servers' ends of the connections.</summary>
    public ConcurrentQueue<DuplexPipes> Opened { get; } = new();

    public int Open => Volatile.Read(ref _open);

    public async ValueTask<Dialed> DialAsync(EndPoint to, IPAddress? from, CancellationToken cancel)
    {
        Begun.Enqueue(to);
        await Dial(to).WaitAsync(cancel);
        var pipes = new DuplexPipes();
        Opened.Enqueue(pipes);
        Interlocked.Increment(ref _open);
        return new Dialed(pipes.Client, from, new Closing(this, pipes));
    }

    private sealed class Closing(ScriptedDialer dialer, DuplexPipes pipes) : IDisposable
    {
        private int _closed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _closed, 1) == 0)
            {
                Interlocked.Decrement(ref dialer._open);
                pipes.Client.Output.Complete();
                pipes.Client.Input.Complete();
            }
        }
    }
}

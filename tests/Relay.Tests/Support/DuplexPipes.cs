using System.IO.Pipelines;

namespace Relay.Tests.Support;

/// <summary>A connection in memory: what one end writes, the other reads.</summary>
internal sealed class DuplexPipes
{
    public DuplexPipes()
    {
        // Continuations on the pool, as with a real socket: neither end runs inside the other.
        var options = new PipeOptions(useSynchronizationContext: false);
        var there = new Pipe(options);
        var back = new Pipe(options);
        Client = new End(back.Reader, there.Writer);
        Server = new End(there.Reader, back.Writer);
    }

    public IDuplexPipe Client { get; }

    public IDuplexPipe Server { get; }

    private sealed record End(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}

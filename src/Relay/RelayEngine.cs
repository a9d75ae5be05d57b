using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Relay.Flow.Accept;

namespace Relay;

/// <summary>
/// The relay without its process: spool, queue, delivery and the handlers of its listeners. The daemon (or a test) owns it, feeds it connections and configuration,
/// and stops it. <see cref="StartAsync"/>, then connections, then <see cref="StopAsync"/>, then dispose; the other members are safe on any thread.
/// </summary>
public sealed class RelayEngine : IAsyncDisposable
{
    private readonly EngineOptions _options;

    public RelayEngine(EngineOptions options, TimeProvider time, ILoggerFactory logs)
    {
        _options = options;
        _ = time;
        _ = logs;
    }

    /// <summary>Null when all is well; otherwise what is wrong, in one line, for /healthz.</summary>
    public string? Unhealthy => null;

    /// <summary>Whether mail is accepted now; for /readyz.</summary>
    public bool IsReady => Unhealthy is null;

    /// <summary>Opens the spool, finds the undelivered mail in it and starts to deliver. Throws IOException with one clear line when the spool can't be used.</summary>
    public Task StartAsync(CancellationToken cancel) => Task.CompletedTask;

    /// <summary>What serves the connections of one of the configured listeners.</summary>
    public ConnectionHandler HandlerFor(ListenerOptions listener) => throw new InvalidOperationException($"{listener} is none of {_options.Listeners.Count} listeners");

    /// <summary>Applies new options to what begins from now on; spool and listeners keep theirs. The caller has validated them.</summary>
    public void Apply(EngineOptions options)
    {
    }

    /// <summary>Reopens the delivery log, after it was rotated.</summary>
    public void ReopenLogs()
    {
    }

    /// <summary>Tells idle clients 421, lets what is in flight finish within <paramref name="grace"/>, syncs the spool. Listeners are closed before.</summary>
    public Task StopAsync(TimeSpan grace) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

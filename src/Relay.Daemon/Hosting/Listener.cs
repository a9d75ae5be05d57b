using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Relay.Daemon.Hosting;

/// <summary>
/// One listening socket. Kestrel's own one accepts again at once after any error, so that a process without free file descriptors spins on the client that it can't take;
/// this one waits. Kestrel owns it: one loop accepts, anyone unbinds.
/// </summary>
internal sealed class Listener(Socket socket, TimeProvider time, ILoggerFactory logs) : IConnectionListener
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan LogPeriod = TimeSpan.FromMinutes(1);

    // Sessions never block, so they may run where their socket completes; with the pool's spinning off (Relay.Daemon.csproj) this is a tenth to a fifth less CPU for a
    // message and less than half of the context switches, at 50 sessions.
    private readonly SocketConnectionContextFactory _connections = new(
        new SocketConnectionFactoryOptions { UnsafePreferInlineScheduling = true, WaitForDataBeforeAllocatingBuffer = false, MaxReadBufferSize = ReadAhead(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) }, logs.CreateLogger("Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets"));
    private readonly ILogger _log = logs.CreateLogger("relay");
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource _unbound = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long? _lastLogged;

    /// <summary>
    /// What is read of a client before it was looked at, octets. Kestrel's own MiB for each of a crowd that waits for the disk is more than a container of 256 MiB has: a 4096th of the memory that there is, where that is less.
    /// </summary>
    private static long ReadAhead(long memory) => Math.Clamp(memory / 4096, 16 * 1024, 1024 * 1024);

    public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

    public Task Unbound => _unbound.Task;

    /// <summary>The next connection, or null after the listener was unbound.</summary>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (!_closing.IsCancellationRequested)
        {
            try
            {
                Socket accepted = await socket.AcceptAsync(cancellationToken).ConfigureAwait(false);
                return Connect(accepted);
            }
            catch (Exception e) when (e is ObjectDisposedException or SocketException && _closing.IsCancellationRequested)
            {
                return null;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted)
            {
                // That client went before it was taken; the next one has nothing to do with it.
            }
            catch (SocketException e)
            {
                await PauseAsync(e).ConfigureAwait(false);
            }
        }

        return null;
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        socket.Dispose();
        _unbound.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync().ConfigureAwait(false);
        _connections.Dispose();
        _closing.Dispose();
    }

    private ConnectionContext Connect(Socket accepted)
    {
        try
        {
            // Replies are flushed when they are complete: waiting for more (Nagle) only delays them.
            accepted.NoDelay = true;
            return _connections.Create(accepted);
        }
        catch
        {
            accepted.Dispose();
            throw;
        }
    }

    private async Task PauseAsync(SocketException reason)
    {
        if (_lastLogged is not { } last || time.GetElapsedTime(last) >= LogPeriod)
        {
            _lastLogged = time.GetTimestamp();
            HostLog.AcceptFailed(_log, EndPoint, reason.Message);
        }

        // Ends early, and without an exception, when the listener is unbound.
        await Task.Delay(Pause, time, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}

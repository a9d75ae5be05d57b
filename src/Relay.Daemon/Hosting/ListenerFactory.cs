using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Relay.Daemon.Hosting;

/// <summary>Kestrel's listening sockets, in place of its own ones for the sake of <see cref="Listener"/>'s accept loop. Throws IOException that names the address when one can't be had.</summary>
internal sealed class ListenerFactory(TimeProvider time, ILoggerFactory logs) : IConnectionListenerFactory
{
    /// <summary>Connections that the kernel holds for us; it takes no more than its own net.core.somaxconn, which is this.</summary>
    private const int Backlog = 4096;

    private readonly List<Listener> _listeners = [];

    /// <summary>Done when no listener takes connections any more.</summary>
    public Task Unbound => Task.WhenAll(_listeners.Select(static l => l.Unbound));

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        Socket? socket = null;
        try
        {
            socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.Listen(Backlog);
        }
        catch (SocketException e)
        {
            socket?.Dispose();
            throw new IOException($"cannot listen on {endpoint}: {e.Message}", e);
        }

        var listener = new Listener(socket, time, logs);
        _listeners.Add(listener);
        return ValueTask.FromResult<IConnectionListener>(listener);
    }
}

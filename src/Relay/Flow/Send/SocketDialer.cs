using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Pipelines.Sockets.Unofficial;

namespace Relay.Flow.Send;

/// <summary>TCP by the operating system, as pipes.</summary>
internal sealed class SocketDialer : IDialer
{
    // Replies are short and bodies are flushed by the piece, so the default thresholds (64 KiB) bound a connection's memory. Continuations run where the socket
    // completes: one thread hop less for each reply, and nothing there blocks.
    private static readonly PipeOptions Receive = new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false);
    private static readonly PipeOptions Send = new(readerScheduler: PipeScheduler.ThreadPool, writerScheduler: PipeScheduler.ThreadPool, useSynchronizationContext: false);

    public async ValueTask<Dialed> DialAsync(IPEndPoint to, CancellationToken cancel)
    {
        var socket = new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            // The package's own connect takes no token (a dead host would hold the slot for minutes), so the socket is connected first.
            await socket.ConnectAsync(to, cancel).ConfigureAwait(false);
            SocketConnection connection = SocketConnection.Create(socket, Send, Receive);
            return new Dialed(connection, (socket.LocalEndPoint as IPEndPoint)?.Address, connection);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Pipelines.Sockets.Unofficial;

namespace Relay.Flow.Send;

/// <summary>TCP and unix sockets by the operating system, as pipes.</summary>
internal sealed class SocketDialer : IDialer
{
    // ip(7), tcp(7): options that the class library has no name for.
    private const int IpLevel = 0;
    private const int IpBindAddressNoPort = 24;
    private const int TcpLevel = 6;
    private const int TcpQuickAck = 12;
    private const int TcpUserTimeout = 18;

    // A peer that has vanished without a word (its power, its network, a firewall's memory) is found out within about this time, whether we wait for it, send to it or keep the connection. Not shorter
    // than the time for a piece of the body, since a window that stays shut counts as well.
    private const int PeerLostSeconds = 180;
    private const int ProbeAfterSeconds = 120;
    private const int ProbeSeconds = 20;
    private const int Probes = 3;

    // Replies are short and bodies are flushed by the piece, so the default thresholds (64 KiB) bound a connection's memory. Continuations run where the socket
    // completes: one thread hop less for each reply, and nothing there blocks.
    private static readonly PipeOptions Receive = new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false);
    private static readonly PipeOptions Send = new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.ThreadPool, useSynchronizationContext: false);

    public async ValueTask<Dialed> DialAsync(EndPoint to, IPAddress? from, CancellationToken cancel)
    {
        Socket socket = to is UnixDomainSocketEndPoint
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (to is IPEndPoint)
            {
                WatchPeer(socket);
            }

            if (from is not null)
            {
                Bind(socket, from);
            }

            // The package's own connect takes no token (a dead host would hold the slot for minutes), so the socket is connected first.
            await socket.ConnectAsync(to, cancel).ConfigureAwait(false);
            SocketConnection connection = SocketConnection.Create(socket, Send, Receive);
            return new Dialed(connection, (socket.LocalEndPoint as IPEndPoint)?.Address, connection, to is IPEndPoint ? () => AckNow(socket) : null);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Why no connection can be made from an address now; null when it can.</summary>
    public static string? FaultOf(IPAddress from)
    {
        using var socket = new Socket(from.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            Bind(socket, from);
            return null;
        }
        catch (SourceAddressException e)
        {
            return e.Message;
        }
    }

    private static void Bind(Socket socket, IPAddress from)
    {
        try
        {
            // The port is chosen at connect, when the other end is known: the same one then serves for many servers, so that a source isn't worn out by some 28,000 connections.
            SetOption(socket, IpLevel, IpBindAddressNoPort, 1);
            socket.Bind(new IPEndPoint(from, 0));
        }
        catch (SocketException e)
        {
            throw new SourceAddressException(from, e);
        }
    }

    private static void AckNow(Socket socket)
    {
        try
        {
            SetOption(socket, TcpLevel, TcpQuickAck, 1);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The connection has ended, which the next read says.
        }
    }

    private static void WatchPeer(Socket socket)
    {
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, ProbeAfterSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, ProbeSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Probes);
        SetOption(socket, TcpLevel, TcpUserTimeout, PeerLostSeconds * 1000);
    }

    /// <summary>Linux only, by number; elsewhere we do without.</summary>
    private static void SetOption(Socket socket, int level, int name, int value)
    {
        if (OperatingSystem.IsLinux())
        {
            Span<byte> bytes = stackalloc byte[sizeof(int)];
            BitConverter.TryWriteBytes(bytes, value);
            socket.SetRawSocketOption(level, name, bytes);
        }
    }
}

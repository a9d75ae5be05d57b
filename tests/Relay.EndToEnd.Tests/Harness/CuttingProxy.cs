using System.Net;
using System.Net.Sockets;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// Stands before a server and, while it is told to, cuts a share of the connections between a message and its reply: the server has the message, and the client never hears of it. The server's reply to a message is known by
/// its words. Safe on any thread.
/// </summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    /// <summary>What smtp-blaster's sink says to a message, and to nothing else that the relay sends.</summary>
    private static readonly byte[] Taken = "250 2.0.0 Ok\r\n"u8.ToArray();

    private readonly IPEndPoint _server;
    private readonly SessionListener _listener;
    private double _share;
    private int _cuts;

    public CuttingProxy(IPEndPoint at, IPEndPoint server)
    {
        _server = server;
        _listener = new SessionListener(at, ServeAsync);
    }

    /// <summary>The share of the messages whose reply is kept back, from 0 to 1.</summary>
    public double Share
    {
        get => Volatile.Read(ref _share);
        set => Volatile.Write(ref _share, value);
    }

    public int Cuts => Volatile.Read(ref _cuts);

    public ValueTask DisposeAsync() => _listener.DisposeAsync();

    private async Task ServeAsync(Stream client, CancellationToken stop)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await server.ConnectAsync(_server, stop);
        await using var stream = new NetworkStream(server);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
        await Task.WhenAny(client.CopyToAsync(stream, ended.Token), AnswerAsync(stream, client, ended.Token));
        // The other direction ends with its socket.
        await ended.CancelAsync();
    }

    private async Task AnswerAsync(NetworkStream server, Stream client, CancellationToken stop)
    {
        byte[] buffer = new byte[4096];
        int length;
        while ((length = await server.ReadAsync(buffer, stop)) > 0)
        {
            int taken = buffer.AsSpan(0, length).IndexOf(Taken);
            if (taken >= 0 && Random.Shared.NextDouble() < Share)
            {
                Interlocked.Increment(ref _cuts);
                await client.WriteAsync(buffer.AsMemory(0, taken), stop);
                return;
            }

            await client.WriteAsync(buffer.AsMemory(0, length), stop);
        }
    }
}

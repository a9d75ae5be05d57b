using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A long way to a server: what goes through arrives half a round trip later, in either direction, in order. Holds connections at its gate until it is opened, so that mail can gather in front of it. Counts the
/// messages that the server took, the flights that the client sent (pieces that it wrote after it had heard from the server), and the round trips that it needed: the longest chain of messages each of which it began only
/// when it had heard that the one before was taken. A server that answers slowly in many pieces makes more flights of a full pipe, and no longer chain.
/// </summary>
internal sealed class DelayProxy : IAsyncDisposable
{
    /// <summary>"Ok: queued as", or "Ok: N bytes queued as" after BDAT; other commands get "Ok" without a colon.</summary>
    private static readonly byte[] Taken = "250 2.0.0 Ok: "u8.ToArray();

    private static readonly byte[] Begun = "MAIL FROM:"u8.ToArray();

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<Task, bool> _tasks = new();
    private readonly IPEndPoint _server;
    private readonly TimeSpan _oneWay;
    private readonly bool _byOctets;
    private readonly Task _accepting;
    private int _connections;
    private int _flights;
    private int _roundTrips;
    private int _messages;
    private long _first;
    private long _last;

    private DelayProxy(IPEndPoint server, TimeSpan roundTrip, bool byOctets)
    {
        _byOctets = byOctets;
        _server = server;
        _oneWay = roundTrip / 2;
        _listener.Start(100);
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public int Connections => Volatile.Read(ref _connections);

    public int Flights => Volatile.Read(ref _flights);

    public int RoundTrips => Volatile.Read(ref _roundTrips);

    /// <summary>Ends of messages that the server answered with 250 (in Postfix's words).</summary>
    public int Messages => Volatile.Read(ref _messages);

    /// <summary>From the first of them to the last.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(Volatile.Read(ref _first), Volatile.Read(ref _last));

    /// <summary><paramref name="byOctets"/>: every octet comes alone, and one piece in twenty a quarter of a second late.</summary>
    public static DelayProxy Start(string address, int port, TimeSpan roundTrip, bool byOctets = false) => new(new IPEndPoint(IPAddress.Parse(address), port), roundTrip, byOctets);

    public void Open() => _gate.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        Open();
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_tasks.Keys);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_stop.Token);
                _tasks.TryAdd(Task.Run(() => ServeAsync(client), CancellationToken.None), true);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            try
            {
                await _gate.Task.WaitAsync(_stop.Token);
                Interlocked.Increment(ref _connections);
                await server.ConnectAsync(_server, _stop.Token);
                var turn = new Turn();
                await Task.WhenAll(PumpAsync(client, server, piece => CountFlight(piece, turn), Nothing), PumpAsync(server, client, Nothing, piece => CountReplies(piece, turn)));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // One of the two has gone, or the proxy was stopped.
            }
        }
    }

    private static void Nothing(ReadOnlySpan<byte> piece)
    {
    }

    private void CountFlight(ReadOnlySpan<byte> piece, Turn turn)
    {
        if (Interlocked.Exchange(ref turn.ServerSpoke, 0) == 1)
        {
            Interlocked.Increment(ref _flights);
        }

        // A command may lie across two pieces.
        byte[] text = [.. turn.Tail, .. piece];
        ReadOnlySpan<byte> rest = text;
        for (int at = rest.IndexOf(Begun); at >= 0; at = rest.IndexOf(Begun))
        {
            rest = rest[(at + Begun.Length)..];
            turn.Depths.Enqueue(Volatile.Read(ref turn.Heard) + 1);
        }

        turn.Tail = rest[^Math.Min(rest.Length, Begun.Length - 1)..].ToArray();
    }

    /// <summary>At the moment when the client hears them. Replies are short and come whole, since Postfix writes each with one call or several together.</summary>
    private void CountReplies(ReadOnlySpan<byte> piece, Turn turn)
    {
        for (int at = piece.IndexOf(Taken); at >= 0; at = piece.IndexOf(Taken))
        {
            piece = piece[(at + Taken.Length)..];
            long now = Stopwatch.GetTimestamp();
            Interlocked.CompareExchange(ref _first, now, 0);
            Volatile.Write(ref _last, now);
            Interlocked.Increment(ref _messages);
            if (turn.Depths.TryDequeue(out int depth))
            {
                Volatile.Write(ref turn.Heard, depth);
                _roundTrips = Math.Max(_roundTrips, depth);
            }
        }

        Volatile.Write(ref turn.ServerSpoke, 1);
    }

    private delegate void Look(ReadOnlySpan<byte> piece);

    private async Task PumpAsync(Socket from, Socket to, Look read, Look written)
    {
        var under = Channel.CreateBounded<(long Due, byte[] Octets)>(10_000);
        Task writing = WriteAsync(under.Reader, to, written);
        byte[] buffer = new byte[64 * 1024];
        try
        {
            int length;
            while ((length = await from.ReceiveAsync(buffer, _stop.Token)) > 0)
            {
                long due = Stopwatch.GetTimestamp() + (long)(_oneWay.TotalSeconds * Stopwatch.Frequency);
                // Acknowledged at once: the wait of a delayed acknowledgement is no part of the way that is played here.
                from.SetRawSocketOption(6, 12, BitConverter.GetBytes(1));
                byte[] octets = buffer[..length];
                read(octets);
                await under.Writer.WriteAsync((due, octets), _stop.Token);
            }
        }
        finally
        {
            under.Writer.Complete();
            await writing;
        }
    }

    private async Task WriteAsync(ChannelReader<(long Due, byte[] Octets)> under, Socket to, Look written)
    {
        await foreach ((long due, byte[] octets) in under.ReadAllAsync(_stop.Token))
        {
            TimeSpan wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, TimeProvider.System, _stop.Token);
            }

            written(octets);
            if (!_byOctets)
            {
                await to.SendAsync(octets, _stop.Token);
                continue;
            }

            if (Random.Shared.Next(20) == 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(250), TimeProvider.System, _stop.Token);
            }

            for (int i = 0; i < octets.Length; i++)
            {
                await to.SendAsync(octets.AsMemory(i, 1), _stop.Token);
            }
        }

        to.Shutdown(SocketShutdown.Send);
    }

    private sealed class Turn
    {
        public int ServerSpoke;

        /// <summary>Place in its chain of the last message that the client heard to be taken.</summary>
        public int Heard;

        /// <summary>End of the client's last piece, where a command may have begun.</summary>
        public byte[] Tail = [];

        /// <summary>Places of the messages that were begun and not yet taken.</summary>
        public readonly ConcurrentQueue<int> Depths = new();
    }
}

using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Relay.Tests.Dns;

/// <summary>A name server on loopback, UDP and TCP on one free port, that answers as a test says: with bytes, or not at all for null.</summary>
internal sealed class StubServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Func<StubQuery, byte[]?> _answer;
    private readonly Socket _udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly TcpListener _tcp;
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<StubQuery> _queries = Channel.CreateUnbounded<StubQuery>();
    private readonly Task _running;
    private int _count;

    public StubServer(Func<StubQuery, byte[]?> answer)
    {
        _answer = answer;
        _tcp = Bind(_udp);
        EndPoint = (IPEndPoint)_udp.LocalEndPoint!;
        _running = Task.WhenAll(ServeUdpAsync(), ServeTcpAsync());
    }

    public IPEndPoint EndPoint { get; }

    public int Count => Volatile.Read(ref _count);

    /// <summary>The next query, when it has arrived.</summary>
    public async Task<StubQuery> NextAsync() => await _queries.Reader.ReadAsync(_stop.Token).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _tcp.Dispose();
        _udp.Dispose();
        await _running;
        _stop.Dispose();
    }

    // Whichever port UDP gets must be free for TCP as well.
    private static TcpListener Bind(Socket udp)
    {
        while (true)
        {
            var tcp = new TcpListener(IPAddress.Loopback, 0);
            tcp.Start();
            try
            {
                udp.Bind(tcp.LocalEndpoint);
                return tcp;
            }
            catch (SocketException)
            {
                tcp.Dispose();
            }
        }
    }

    private byte[]? Answer(byte[] query, bool overTcp)
    {
        var one = new StubQuery(query, overTcp, Interlocked.Increment(ref _count));
        byte[]? answer = _answer(one);
        _queries.Writer.TryWrite(one);
        return answer;
    }

    private async Task ServeUdpAsync()
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (true)
            {
                SocketReceiveFromResult got = await _udp.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
                if (Answer(buffer[..got.ReceivedBytes], overTcp: false) is { } answer)
                {
                    await _udp.SendToAsync(answer, SocketFlags.None, got.RemoteEndPoint, _stop.Token);
                }
            }
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            // The end of the test.
        }
    }

    private async Task ServeTcpAsync()
    {
        try
        {
            while (true)
            {
                using Socket client = await _tcp.AcceptSocketAsync(_stop.Token);
                await using var stream = new NetworkStream(client);
                byte[] length = new byte[2];
                await stream.ReadExactlyAsync(length, _stop.Token);
                byte[] query = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
                await stream.ReadExactlyAsync(query, _stop.Token);
                if (Answer(query, overTcp: true) is { } answer)
                {
                    BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)answer.Length);
                    await stream.WriteAsync((byte[])[.. length, .. answer], _stop.Token);
                }
            }
        }
        catch (Exception) when (_stop.IsCancellationRequested)
        {
            // The end of the test.
        }
    }
}

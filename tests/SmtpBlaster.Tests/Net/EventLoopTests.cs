using System.Net;
using System.Net.Sockets;
using SmtpBlaster.Net;
using SmtpBlaster.Options;

namespace SmtpBlaster.Tests.Net;

public sealed class EventLoopTests
{
    [Fact]
    public async Task Timers_come_in_the_order_of_their_times_and_never_early()
    {
        using var loop = new EventLoop();
        var order = new List<int>();
        long late = 0;
        loop.Post(() =>
        {
            long now = Clock.Now;
            for (int i = 5; i > 0; i--)
            {
                int which = i;
                loop.At(now + (i * 10 * Clock.Millisecond), time =>
                {
                    order.Add(which);
                    late = Math.Min(late, time - (now + (which * 10 * Clock.Millisecond)));
                    if (which == 5)
                    {
                        loop.Stop();
                    }
                });
            }
        });
        await loop.Start("test").WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal([1, 2, 3, 4, 5], order);
        Assert.Equal(0, late);
    }

    [Fact]
    public async Task A_fault_in_the_loop_is_handed_to_whoever_waits_for_it()
    {
        using var loop = new EventLoop();
        loop.Post(static () => throw new InvalidOperationException("broken"));
        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(() => loop.Start("test"));
        Assert.Equal("broken", fault.Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_the_kernel_has_no_room_for_goes_out_as_the_peer_reads_in_order(bool twice)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var loop = new EventLoop();
        byte[] head = [1, 2, 3];
        byte[] body = new byte[12 << 20];
        new Random(3).NextBytes(body);
        byte[] tail = [4, 5, 6];
        byte[] expected = twice ? [.. head, .. body, .. tail, .. head, .. body, .. tail] : [.. head, .. body, .. tail];
        var connection = new Talker(loop);
        loop.Post(() =>
        {
            int socket = Linux.OpenSocket(2);
            Assert.True(Linux.Connect(socket, Target.SocketAddress((IPEndPoint)listener.LocalEndpoint)) >= 0 || Linux.Error == Linux.InProgress);
            Assert.True(connection.Open(socket));
            for (int i = 0; i < (twice ? 2 : 1); i++)
            {
                connection.Send(head, body, tail);
            }
        });
        Task running = loop.Start("test");
        using TcpClient peer = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        byte[] got = new byte[expected.Length];
        await peer.GetStream().ReadExactlyAsync(got, TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.True(got.AsSpan().SequenceEqual(expected));
        peer.Close();
        await running.WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.NotNull(connection.Ended);
    }

    [Fact]
    public async Task What_is_left_of_a_piece_comes_again_in_front_of_the_next()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var loop = new EventLoop();
        var connection = new Talker(loop);
        loop.Post(() =>
        {
            int socket = Linux.OpenSocket(2);
            _ = Linux.Connect(socket, Target.SocketAddress((IPEndPoint)listener.LocalEndpoint));
            connection.Open(socket);
        });
        Task running = loop.Start("test");
        using TcpClient peer = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        peer.NoDelay = true;
        foreach (byte octet in "one\ntwo\nthree\nrest"u8.ToArray())
        {
            await peer.GetStream().WriteAsync(new byte[] { octet }, TestContext.Current.CancellationToken);
        }

        peer.Close();
        await running.WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal(["one", "two", "three"], connection.Lines);
        Assert.Equal(CloseReason.EndOfStream, connection.Ended);
    }

    [Fact]
    public async Task A_deadline_that_passes_ends_the_connection()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var loop = new EventLoop();
        var connection = new Talker(loop) { Deadline = Clock.Now + (Clock.Second / 10) };
        loop.Post(() =>
        {
            int socket = Linux.OpenSocket(2);
            _ = Linux.Connect(socket, Target.SocketAddress((IPEndPoint)listener.LocalEndpoint));
            connection.Open(socket);
        });
        await loop.Start("test").WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal(CloseReason.TimedOut, connection.Ended);
    }

    /// <summary>Uses whole lines, and stops its loop when it is over.</summary>
    private sealed class Talker(EventLoop loop) : Connection(loop)
    {
        public List<string> Lines { get; } = [];

        public CloseReason? Ended { get; private set; }

        protected override bool ReadsWhileSending => true;

        protected override int OnData(Span<byte> data)
        {
            int end = data.IndexOf((byte)'\n');
            int used = 0;
            for (; end >= 0; end = data[used..].IndexOf((byte)'\n'))
            {
                Lines.Add(System.Text.Encoding.ASCII.GetString(data.Slice(used, end)));
                used += end + 1;
            }

            return used;
        }

        protected override void OnClosed(CloseReason reason, int error, string? detail)
        {
            Ended = reason;
            Loop.Stop();
        }
    }
}

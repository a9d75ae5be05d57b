using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// Many clients that have said EHLO, in clear or inside TLS, and say nothing more. They come from several loopback addresses, because one has too few ports.
/// </summary>
internal sealed class IdleCrowd : IDisposable
{
    private const int PerAddress = 5000;
    private const int AtOnce = 64;

    private readonly List<IDisposable> _clients = [];

    private IdleCrowd()
    {
    }

    public int Count => _clients.Count;

    public static async Task<IdleCrowd> GatherAsync(IPEndPoint server, int count, bool tls)
    {
        var crowd = new IdleCrowd();
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5), TimeProvider.System);
            await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = limit.Token }, async (i, cancel) =>
            {
                IDisposable client = await ConnectAsync(server, new IPAddress([127, 0, 1, (byte)(1 + (i / PerAddress))]), tls, cancel);
                lock (crowd._clients)
                {
                    crowd._clients.Add(client);
                }
            });
            return crowd;
        }
        catch
        {
            crowd.Dispose();
            throw;
        }
    }

    public void Dispose() => _clients.ForEach(static client => client.Dispose());

    private static async Task<IDisposable> ConnectAsync(IPEndPoint server, IPAddress from, bool tls, CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            // The port is chosen when the connection is made, so that one port can be used toward several servers.
            socket.SetRawSocketOption(0, 24, [1, 0, 0, 0]);
            socket.Bind(new IPEndPoint(from, 0));
            await socket.ConnectAsync(server, cancel);
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (tls)
            {
                var secured = new SslStream(stream, leaveInnerStreamOpen: false);
                await secured.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "relay.test", RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null }, cancel);
                stream = secured;
            }

            await ReadReplyAsync(stream, cancel);
            await stream.WriteAsync("EHLO crowd.test\r\n"u8.ToArray(), cancel);
            await ReadReplyAsync(stream, cancel);
            return stream;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Up to the line with a space behind its code; nothing comes behind a reply here.</summary>
    private static async Task ReadReplyAsync(Stream stream, CancellationToken cancel)
    {
        byte[] buffer = new byte[1024];
        int length = 0;
        do
        {
            int read = await stream.ReadAsync(buffer.AsMemory(length), cancel);
            Assert.True(read > 0, "the relay closed a connection of the crowd");
            length += read;
        }
        while (!IsComplete(buffer.AsSpan(0, length)));
        Assert.Equal((byte)'2', buffer[0]);
    }

    private static bool IsComplete(ReadOnlySpan<byte> reply)
    {
        if (!reply.EndsWith("\r\n"u8))
        {
            return false;
        }

        ReadOnlySpan<byte> last = reply[(reply[..^2].LastIndexOf((byte)'\n') + 1)..];
        return last.Length > 4 && last[3] == ' ';
    }
}

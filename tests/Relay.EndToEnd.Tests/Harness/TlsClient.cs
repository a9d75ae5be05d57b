using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A client in TLS that counts: as quick as there is one, without a process of its own. It takes any certificate. Used by one thread at a time; every wait has a deadline.</summary>
internal sealed class TlsClient : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TcpClient _tcp;
    private readonly SslStream _stream;
    private readonly LineStream _wire;

    private TlsClient(TcpClient tcp, SslStream stream)
    {
        _tcp = tcp;
        _stream = stream;
        _wire = new LineStream(stream);
    }

    /// <summary>Who the server is, as its certificate says.</summary>
    public string Subject { get; private set; } = "";

    /// <summary>Connects, shakes hands and reads the greeting; with STARTTLS in the other order.</summary>
    public static async Task<TlsClient> ConnectAsync(IPEndPoint server, bool startTls, string host, bool resume = true, SslProtocols versions = SslProtocols.None)
    {
        using CancellationTokenSource limit = Deadline();
        var tcp = new TcpClient { NoDelay = true };
        try
        {
            await tcp.ConnectAsync(server, limit.Token);
            if (startTls)
            {
                var wire = new LineStream(tcp.GetStream());
                await ReplyAsync(wire, limit.Token);
                await wire.WriteAsync("EHLO client.test\r\n"u8.ToArray(), limit.Token);
                await ReplyAsync(wire, limit.Token);
                await wire.WriteAsync("STARTTLS\r\n"u8.ToArray(), limit.Token);
                Assert.StartsWith("220", await ReplyAsync(wire, limit.Token), StringComparison.Ordinal);
            }

            var stream = new SslStream(tcp.GetStream());
            await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = host, AllowTlsResume = resume, EnabledSslProtocols = versions, RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null }, limit.Token);
            var client = new TlsClient(tcp, stream) { Subject = stream.RemoteCertificate!.Subject };
            if (!startTls)
            {
                Assert.StartsWith("220 ", await ReplyAsync(client._wire, limit.Token), StringComparison.Ordinal);
            }

            return client;
        }
        catch
        {
            tcp.Dispose();
            throw;
        }
    }

    public async Task<string> CommandAsync(string command)
    {
        using CancellationTokenSource limit = Deadline();
        await _wire.WriteAsync(Encoding.Latin1.GetBytes(command + "\r\n"), limit.Token);
        return await ReplyAsync(_wire, limit.Token);
    }

    public void Dispose()
    {
        _stream.Dispose();
        _tcp.Dispose();
    }

    private static async Task<string> ReplyAsync(LineStream wire, CancellationToken cancel)
    {
        string text;
        do
        {
            text = await wire.ReadLineAsync(cancel) is { } line ? Encoding.Latin1.GetString(line.Span) : "";
        }
        while (text.Length > 3 && text[3] == '-');
        return text;
    }

    private static CancellationTokenSource Deadline() => new(Limit, TimeProvider.System);
}

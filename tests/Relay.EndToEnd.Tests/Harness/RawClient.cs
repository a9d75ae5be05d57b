using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// An SMTP client that sends exactly the bytes it is told to, in clear or in TLS, and gives back replies as text. It takes any certificate. Every wait has a deadline; a connection that ends is an IOException, or an
/// empty reply where the end is what is waited for. Used by one thread at a time.
/// </summary>
internal sealed class RawClient : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TcpClient _tcp;
    private LineStream _wire;

    private RawClient(TcpClient tcp)
    {
        _tcp = tcp;
        _wire = new LineStream(tcp.GetStream());
    }

    /// <summary>Who the server is, as its certificate says; empty in clear.</summary>
    public string Subject { get; private set; } = "";

    /// <summary>Connects and reads the greeting, which comes in TLS where that is <paramref name="implicitTls"/>.</summary>
    public static async Task<RawClient> ConnectAsync(IPEndPoint server, string? from = null, bool implicitTls = false, bool resume = true, SslProtocols versions = SslProtocols.None)
    {
        using CancellationTokenSource limit = Deadline();
        var tcp = from is null ? new TcpClient(server.AddressFamily) : new TcpClient(new IPEndPoint(IPAddress.Parse(from), 0));
        try
        {
            tcp.NoDelay = true;
            await tcp.ConnectAsync(server, limit.Token);
            var client = new RawClient(tcp);
            if (implicitTls)
            {
                await client.BeginTlsAsync(resume, versions, limit.Token);
            }

            string greeting = await client.ReplyAsync();
            Assert.StartsWith("220 ", greeting, StringComparison.Ordinal);
            return client;
        }
        catch
        {
            tcp.Dispose();
            throw;
        }
    }

    /// <summary>All lines of the next reply, without the last CRLF; "" when the peer has closed.</summary>
    public async Task<string> ReplyAsync()
    {
        using CancellationTokenSource limit = Deadline();
        var lines = new List<string>();
        while (await _wire.ReadLineAsync(limit.Token) is { } line)
        {
            string text = Encoding.Latin1.GetString(line.Span);
            lines.Add(text);
            if (text.Length < 4 || text[3] != '-')
            {
                break;
            }
        }

        return string.Join("\r\n", lines);
    }

    public async Task<string> CommandAsync(string command)
    {
        await SendAsync(Encoding.Latin1.GetBytes(command + "\r\n"));
        return await ReplyAsync();
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        using CancellationTokenSource limit = Deadline();
        await _wire.WriteAsync(bytes, limit.Token);
    }

    /// <summary>EHLO, and 250 to it.</summary>
    public async Task HelloAsync()
    {
        string reply = await CommandAsync("EHLO client.test");
        Assert.StartsWith("250", reply, StringComparison.Ordinal);
    }

    /// <summary>STARTTLS and the handshake.</summary>
    public async Task StartTlsAsync()
    {
        Assert.StartsWith("220 ", await CommandAsync("STARTTLS"), StringComparison.Ordinal);
        using CancellationTokenSource limit = Deadline();
        await BeginTlsAsync(resume: true, SslProtocols.None, limit.Token);
    }

    /// <summary>
    /// One transaction, with MAIL, RCPT and DATA in one flight (RFC 2920). The content is dot-stuffed here and must end with CRLF. Gives the reply to the end of data, or the first
    /// refusal; a broken connection is an IOException.
    /// </summary>
    public async Task<string> SendMessageAsync(string from, string to, ReadOnlyMemory<byte> content, Action? beforeEnd = null)
    {
        await SendAsync(Encoding.Latin1.GetBytes($"MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\n"));
        string? refusal = null;
        foreach (char expected in "223")
        {
            string reply = await ReplyAsync();
            if (reply.Length == 0)
            {
                throw new IOException("closed before the data");
            }

            refusal ??= reply[0] == expected ? null : reply;
        }

        if (refusal is not null)
        {
            return refusal;
        }

        await SendAsync(Stuff(content.Span));
        beforeEnd?.Invoke();
        string end = await CommandAsync(".");
        return end.Length > 0 ? end : throw new IOException("closed before the reply to the end of data");
    }

    public void Dispose() => _tcp.Dispose();

    private async Task BeginTlsAsync(bool resume, SslProtocols versions, CancellationToken cancel)
    {
        // Disposed with the connection below it.
        var tls = new SslStream(_tcp.GetStream(), leaveInnerStreamOpen: false);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "relay.test", AllowTlsResume = resume, EnabledSslProtocols = versions, RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null }, cancel);
        Subject = tls.RemoteCertificate!.Subject;
        _wire = new LineStream(tls);
    }

    private static CancellationTokenSource Deadline() => new(Limit, TimeProvider.System);

    /// <summary>As it goes out behind DATA (RFC 5321 §4.5.2).</summary>
    public static byte[] Stuff(ReadOnlySpan<byte> content)
    {
        var stuffed = new MemoryStream(content.Length + 1024);
        bool lineStart = true;
        foreach (byte octet in content)
        {
            if (lineStart && octet == (byte)'.')
            {
                stuffed.WriteByte((byte)'.');
            }

            stuffed.WriteByte(octet);
            lineStart = octet == (byte)'\n';
        }

        return stuffed.ToArray();
    }
}

using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Relay.Tls;

namespace Relay.Tests.Support;

/// <summary>A client that says what the test says, to the byte.</summary>
internal sealed class TestClient : IAsyncDisposable
{
    private readonly IDuplexPipe _transport;
    private IDuplexPipe _pipe;
    private StreamReader _reader;
    private TlsPipe? _tls;

    public TestClient(IDuplexPipe transport, Task session)
    {
        _transport = transport;
        _pipe = transport;
        _reader = new StreamReader(transport.Input.AsStream(), Encoding.Latin1);
        Session = session;
    }

    public Task Session { get; }

    public async Task WriteAsync(string text) => await _pipe.Output.WriteAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>The next reply, all its lines joined by "\n"; null when the server has closed.</summary>
    public async Task<string?> ReadAsync()
    {
        var reply = new StringBuilder();
        while (true)
        {
            string? line = await _reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(20));
            if (line is null)
            {
                return reply.Length == 0 ? null : reply.ToString();
            }

            reply.Append(reply.Length == 0 ? "" : "\n").Append(line);
            if (line.Length < 4 || line[3] != '-')
            {
                return reply.ToString();
            }
        }
    }

    public async Task<string> ExpectAsync(string start)
    {
        string? reply = await ReadAsync();
        Assert.StartsWith(start, reply ?? "(closed)", StringComparison.Ordinal);
        return reply!;
    }

    public async Task<string> SayAsync(string line, string start)
    {
        await WriteAsync(line + "\r\n");
        return await ExpectAsync(start);
    }

    public async Task ExpectCloseAsync() => Assert.Null(await ReadAsync());

    /// <summary>What the server has shown in the handshake.</summary>
    public X509Certificate2? Shown { get; private set; }

    /// <summary>Handshake, with any certificate of the server, asked for as <paramref name="host"/>, and with one of the client's own when the server asks for it; from then on the client speaks through TLS.</summary>
    public async Task StartTlsAsync(string host = "localhost", X509Certificate2? own = null)
    {
        TlsResult result = await TlsPipe.ClientAsync(_transport, new SslClientAuthenticationOptions
        {
            TargetHost = host,
            ClientCertificates = own is null ? null : [own],
            RemoteCertificateValidationCallback = (_, certificate, _, _) => (Shown = certificate is null ? null : X509CertificateLoader.LoadCertificate(certificate.GetRawCertData())) is not null,
        });
        _tls = result.Pipe ?? throw new IOException(result.Failure);
        _pipe = _tls;
        _reader = new StreamReader(_tls.Input.AsStream(), Encoding.Latin1);
    }

    /// <summary>Says close_notify; from then on the client speaks in clear, as no client should.</summary>
    public async Task EndTlsAsync()
    {
        await _tls!.DisposeAsync();
        _tls = null;
        _pipe = _transport;
    }

    /// <summary>The connection ends here (FIN), as far as the server can tell: without a word of TLS, and with nobody left to read.</summary>
    public async Task FinishAsync()
    {
        await _transport.Output.CompleteAsync();
        await _transport.Input.CompleteAsync();
    }

    /// <summary>The connection is reset (RST): what the server hasn't read yet is lost.</summary>
    public async Task ResetAsync()
    {
        await _transport.Output.CompleteAsync(new ConnectionResetException("The client reset the connection."));
        await _transport.Input.CompleteAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_tls is { } tls)
        {
            await tls.DisposeAsync();
        }

        await FinishAsync();
    }
}

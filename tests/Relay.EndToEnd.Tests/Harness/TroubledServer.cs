using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A mail server with something wrong about its TLS, that takes mail all the same, and what a listener on its wire would have. In TLS it offers REQUIRETLS. Where OpenSSL has to be what is old or weak, its s_server stands
/// behind and the octets are handed on.
/// </summary>
internal sealed class TroubledServer : IAsyncDisposable
{
    private readonly SessionListener _listener;
    private readonly TlsTrouble _trouble;
    private readonly SslStreamCertificateContext? _certificate;
    private readonly IPEndPoint? _behind;
    private readonly ConcurrentQueue<WireTap> _wires = new();
    private readonly ConcurrentQueue<bool> _taken = new();
    private readonly ConcurrentQueue<string> _mails = new();
    private readonly ConcurrentQueue<string?> _clients = new();

    public TroubledServer(IPEndPoint endPoint, TlsTrouble trouble, X509Certificate2? certificate, X509Certificate2[] shown, IPEndPoint? behind = null)
    {
        _trouble = trouble;
        _certificate = certificate is null ? null : SslStreamCertificateContext.Create(certificate, [.. shown], offline: true);
        _behind = behind;
        _listener = new SessionListener(endPoint, ServeAsync);
    }

    public int Connections => _wires.Count;

    /// <summary>The messages that it took: whether each came in TLS.</summary>
    public IReadOnlyList<bool> Taken => [.. _taken];

    /// <summary>Where it asks for one: the subject of the certificate that each client showed; null for none.</summary>
    public IReadOnlyList<string?> Clients => [.. _clients];

    /// <summary>The MAIL commands it got.</summary>
    public IReadOnlyList<string> Mails => [.. _mails];

    /// <summary>Whether these octets came over the wire as they are.</summary>
    public bool Saw(string text) => _wires.Any(w => w.Seen.AsSpan().IndexOf(Encoding.ASCII.GetBytes(text)) >= 0);

    public ValueTask DisposeAsync() => _listener.DisposeAsync();

    private async Task ServeAsync(Stream stream, CancellationToken stop)
    {
        var wire = new WireTap(stream);
        _wires.Enqueue(wire);
        await SessionAsync(wire, tls: false, stop);
    }

    private async Task SessionAsync(Stream wire, bool tls, CancellationToken stop)
    {
        var lines = new LineStream(wire);
        if (!tls)
        {
            await lines.WriteAsync("220 mx.test ESMTP\r\n", stop);
        }

        while (await lines.ReadLineAsync(stop) is { } line)
        {
            string command = Encoding.Latin1.GetString(line.Span);
            switch (command.Split(' ', ':')[0].ToUpperInvariant())
            {
                case "EHLO":
                    await lines.WriteAsync(tls ? "250-mx.test\r\n250 REQUIRETLS\r\n" : _trouble == TlsTrouble.NoStartTls ? "250 mx.test\r\n" : "250-mx.test\r\n250 STARTTLS\r\n", stop);
                    break;
                case "STARTTLS":
                    if (_trouble == TlsTrouble.Refuses454)
                    {
                        await lines.WriteAsync("454 4.7.0 TLS not available\r\n", stop);
                        break;
                    }

                    await StartTlsAsync(wire, stop);
                    return;
                case "DATA":
                    await lines.WriteAsync("354 Go ahead\r\n", stop);
                    while (await lines.ReadLineAsync(stop) is { } content && content.Span is not [(byte)'.'])
                    {
                    }

                    _taken.Enqueue(tls);
                    await lines.WriteAsync("250 2.0.0 Got it\r\n", stop);
                    break;
                case "QUIT":
                    await lines.WriteAsync("221 2.0.0 Bye\r\n", stop);
                    return;
                case "MAIL":
                    _mails.Enqueue(command);
                    goto default;
                default:
                    await lines.WriteAsync("250 2.0.0 OK\r\n", stop);
                    break;
            }
        }
    }

    private async Task StartTlsAsync(Stream wire, CancellationToken stop)
    {
        string more = _trouble switch
        {
            TlsTrouble.Garbage => "this is no TLS, and never will be\r\n",
            TlsTrouble.InjectsReply => "250-mx.test\r\n250 8BITMIME\r\n",
            _ => "",
        };
        await wire.WriteAsync(Encoding.ASCII.GetBytes("220 2.0.0 Go ahead\r\n" + more), stop);
        if (_behind is { } behind)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(behind, stop);
            await using NetworkStream other = client.GetStream();
            await Task.WhenAny(wire.CopyToAsync(other, stop), other.CopyToAsync(wire, stop));
            return;
        }

        switch (_trouble)
        {
            case TlsTrouble.Alert:
                await wire.ReadAtLeastAsync(new byte[100], 5, cancellationToken: stop);
                // A fatal handshake_failure (RFC 8446 §6).
                await wire.WriteAsync(new byte[] { 21, 3, 3, 0, 2, 2, 40 }, stop);
                return;
            case TlsTrouble.Stalls or TlsTrouble.Garbage:
                byte[] nothing = new byte[4096];
                while (await wire.ReadAsync(nothing, stop) > 0)
                {
                }

                return;
            default:
                break;
        }

        await using var tls = new SslStream(wire, leaveInnerStreamOpen: true);
        await tls.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions
            {
                ServerCertificateContext = _certificate,
                ClientCertificateRequired = _trouble == TlsTrouble.WantsClientCertificate,
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                {
                    _clients.Enqueue(certificate?.Subject);
                    return !_clients.IsEmpty;
                },
            }, stop);
        if (_trouble == TlsTrouble.ClosesEarly)
        {
            await tls.ShutdownAsync();
            return;
        }

        await SessionAsync(tls, tls: true, stop);
    }
}

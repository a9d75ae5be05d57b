using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Daemon.Probe;

/// <summary>
/// One connection to the server that is probed. Each step has a deadline. What goes wrong is an IOException, or a TimeoutException, whose message is for people; after one, the connection is of no use.
/// Used by one thread at a time.
/// </summary>
internal sealed class ProbeConnection : IAsyncDisposable
{
    private readonly TimeSpan _timeout;
    private readonly byte[] _received = new byte[ReplyReader.MaximumLength + ReplyReader.MaximumLineLength];
    private Stream _stream;
    private int _length;

    private ProbeConnection(Socket socket, TimeSpan timeout)
    {
        _timeout = timeout;
        _stream = new NetworkStream(socket, ownsSocket: true);
        Server = ((IPEndPoint)socket.RemoteEndPoint!).Address;
        Client = ((IPEndPoint)socket.LocalEndPoint!).Address;
    }

    public IPAddress Server { get; }

    public IPAddress Client { get; }

    public PeerReply Greeting { get; private set; }

    /// <summary>Of the last EHLO.</summary>
    public ServerExtensions Offered { get; private set; }

    public bool IsTls => _stream is SslStream;

    /// <summary>After a handshake: what the server showed, a copy.</summary>
    public X509Certificate2? Certificate { get; private set; }

    /// <summary>After a handshake: what is wrong with that; None when it is to be trusted.</summary>
    public SslPolicyErrors CertificateErrors { get; private set; }

    /// <summary>True when the server has said more than was read.</summary>
    public bool HasMore => _length > 0;

    public static async Task<ProbeConnection> OpenAsync(IPEndPoint server, TimeSpan timeout, CancellationToken stop)
    {
        var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await WithinAsync(timeout, async token =>
            {
                await socket.ConnectAsync(server, token).ConfigureAwait(false);
                return true;
            }, stop).ConfigureAwait(false);
            return new ProbeConnection(socket, timeout);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async Task GreetAsync(CancellationToken stop)
    {
        Greeting = await ReadAsync(stop).ConfigureAwait(false);
        if (!Greeting.IsPositive)
        {
            throw new IOException($"the server greets with {Greeting.Words}");
        }
    }

    /// <summary>EHLO as our address, or HELO where that isn't known.</summary>
    public async Task<PeerReply> HelloAsync(CancellationToken stop)
    {
        string me = ProbeNames.Literal(Client);
        PeerReply reply = await CommandAsync($"EHLO {me}", stop).ConfigureAwait(false);
        return reply.IsPermanent ? await CommandAsync($"HELO {me}", stop).ConfigureAwait(false) : reply;
    }

    public async Task<PeerReply> CommandAsync(string line, CancellationToken stop)
    {
        await WriteAsync(line + "\r\n", stop).ConfigureAwait(false);
        return await ReadAsync(stop).ConfigureAwait(false);
    }

    public Task WriteAsync(string text, CancellationToken stop) => WriteAsync(Encoding.UTF8.GetBytes(text), stop);

    public Task WriteAsync(byte[] octets, CancellationToken stop) => WithinAsync(_timeout, async token =>
    {
        await _stream.WriteAsync(octets, token).ConfigureAwait(false);
        return true;
    }, stop);

    public Task<PeerReply> ReadAsync(CancellationToken stop) => WithinAsync(_timeout, async token =>
    {
        while (true)
        {
            var buffer = new ReadOnlySequence<byte>(_received, 0, _length);
            switch (ReplyReader.TryReadEhlo(ref buffer, out PeerReply reply, out ServerExtensions offered))
            {
                case ReplyStatus.Done:
                    int rest = (int)buffer.Length;
                    _received.AsSpan(_length - rest, rest).CopyTo(_received);
                    _length = rest;
                    Offered = offered == default ? Offered : offered;
                    return reply;
                case ReplyStatus.Malformed:
                    throw new IOException("what the server answered is no SMTP");
                default:
                    await FillAsync(token).ConfigureAwait(false);
                    break;
            }
        }
    }, stop);

    /// <summary>Without SMTP: sends octets, and gives what has come back as soon as that is enough.</summary>
    public async Task<byte[]> ExchangeAsync(byte[] octets, Func<ReadOnlyMemory<byte>, bool> isEnough, CancellationToken stop)
    {
        await WriteAsync(octets, stop).ConfigureAwait(false);
        return await WithinAsync(_timeout, async token =>
        {
            while (!isEnough(_received.AsMemory(0, _length)))
            {
                await FillAsync(token).ConfigureAwait(false);
            }

            return _received[.._length];
        }, stop).ConfigureAwait(false);
    }

    /// <summary>The handshake. Any certificate will do, as long as there is one: it is what is asked about.</summary>
    public async Task SecureAsync(string host, SslProtocols versions, CancellationToken stop)
    {
        // What came in clear belongs to nobody from here on (RFC 3207 §4.2).
        _length = 0;
        Offered = default;
        var tls = new SslStream(_stream, leaveInnerStreamOpen: false);
        _stream = tls;
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = host,
            EnabledSslProtocols = versions,
            RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
            {
                Certificate = certificate is null ? null : X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
                CertificateErrors = errors;
                return Certificate is not null;
            },
        };
        await WithinAsync(_timeout, async token =>
        {
            await tls.AuthenticateAsClientAsync(options, token).ConfigureAwait(false);
            return true;
        }, stop).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        Certificate?.Dispose();
        return _stream.DisposeAsync();
    }

    private async Task FillAsync(CancellationToken token)
    {
        int read = await _stream.ReadAsync(_received.AsMemory(_length), token).ConfigureAwait(false);
        _length += read;
        if (read == 0)
        {
            throw new IOException("the server closed the connection");
        }
    }

    private static async Task<T> WithinAsync<T>(TimeSpan timeout, Func<CancellationToken, Task<T>> step, CancellationToken stop)
    {
        using var deadline = new CancellationTokenSource(timeout, TimeProvider.System);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        try
        {
            return await step(both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!stop.IsCancellationRequested)
        {
            throw new TimeoutException(string.Create(CultureInfo.InvariantCulture, $"nothing happened within {timeout.TotalSeconds:0.###} s"), e);
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }
        catch (AuthenticationException e)
        {
            throw new IOException($"the TLS handshake failed: {(e.InnerException ?? e).Message}", e);
        }
        catch (IOException e) when (e.InnerException is SocketException)
        {
            throw new IOException("the server closed the connection", e);
        }
    }
}

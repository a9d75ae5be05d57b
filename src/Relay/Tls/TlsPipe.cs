using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Relay.Concurrency;

namespace Relay.Tls;

/// <summary>
/// TLS over a duplex pipe, as a duplex pipe: one class for STARTTLS and implicit TLS, inbound and outbound. The transport below stays its owner's; disposing
/// this says close_notify first, without which OpenSSL's clients report a truncated connection; what was written and not flushed by then is not sent. The owner's deadline ends a
/// handshake by cancelling the transport's pending read and flush, and all later waits, the farewell's too, by <see cref="CancelPending"/>. One reader and one writer at a time.
/// </summary>
internal sealed class TlsPipe : IDuplexPipe, IAsyncDisposable
{
    /// <summary>A reason given to the writer's completion keeps it from writing behind close_notify, which is an error.</summary>
    private static readonly ConnectionAbortedException Farewell = new("TLS has ended.");

    private readonly IDuplexPipe _transport;
    private readonly SslStream _stream;
    private readonly Lock _ending = new();
    private bool _completed;

    private TlsPipe(IDuplexPipe transport, SslStream stream)
    {
        _transport = transport;
        _stream = stream;
        Input = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true, bufferSize: 16 * 1024, useZeroByteReads: true));
        Output = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    /// <summary>Protocol version and cipher suite, as the delivery log names them.</summary>
    public string Version => _stream.SslProtocol switch
    {
        SslProtocols.Tls13 => "TLSv1.3",
        SslProtocols.Tls12 => "TLSv1.2",
        _ => _stream.SslProtocol.ToString(),
    };

    /// <summary>The certificate that we have shown, if any.</summary>
    public X509Certificate2? Shown => _stream.LocalCertificate as X509Certificate2;

    public string Cipher => _stream.NegotiatedCipherSuite.ToString();

    /// <summary>
    /// Handshake as the server, with options that are chosen by what the client's first message asks for, and in turns with others. Nothing may wait unread in <paramref name="transport"/> from before: the caller has refused it.
    /// <paramref name="cancel"/> ends a wait for a turn.
    /// </summary>
    public static async ValueTask<TlsResult> ServerAsync(IDuplexPipe transport, ServerOptionsSelectionCallback select, Turns turns, CancellationToken cancel)
    {
        var below = new HandshakeStream(transport.Input, transport.Output, turns, cancel);
        try
        {
            TlsResult result = await HandshakeAsync(transport, below, stream => stream.AuthenticateAsServerAsync(select, null, CancellationToken.None)).ConfigureAwait(false);
            return below.WasRefused ? result with { IsBusy = true } : result;
        }
        finally
        {
            below.End();
        }
    }

    /// <summary>Handshake as the client.</summary>
    public static ValueTask<TlsResult> ClientAsync(IDuplexPipe transport, SslClientAuthenticationOptions options) =>
        HandshakeAsync(transport, new DuplexPipeStream(transport.Input, transport.Output), stream => stream.AuthenticateAsClientAsync(options, CancellationToken.None));

    /// <summary>Wakes whoever waits in a read or a flush, here or in the transport below. Any thread, at any time: also during and after the disposal.</summary>
    public void CancelPending()
    {
        _transport.Input.CancelPendingRead();
        _transport.Output.CancelPendingFlush();
        // A stream's pipe throws when it is cancelled after its completion. What is woken may run right here, and end with the disposal: the lock lets its own thread in.
        lock (_ending)
        {
            if (!_completed)
            {
                Input.CancelPendingRead();
                Output.CancelPendingFlush();
            }
        }
    }

    /// <summary>Wakes whoever waits in a read. Any thread, at any time, as above.</summary>
    public void CancelPendingRead()
    {
        lock (_ending)
        {
            if (!_completed)
            {
                Input.CancelPendingRead();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _stream.ShutdownAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // The peer has gone, or the deadline has come: there is nobody left to say good-bye to.
        }

        lock (_ending)
        {
            _completed = true;
        }

        await Input.CompleteAsync().ConfigureAwait(false);
        await Output.CompleteAsync(Farewell).ConfigureAwait(false);
        await _stream.DisposeAsync().ConfigureAwait(false);
    }

    private static async ValueTask<TlsResult> HandshakeAsync(IDuplexPipe transport, DuplexPipeStream below, Func<SslStream, Task> handshake)
    {
        var stream = new SslStream(below, leaveInnerStreamOpen: true);
        try
        {
            await handshake(stream).ConfigureAwait(false);
            return new TlsResult(new TlsPipe(transport, stream), "");
        }
        catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            // The innermost message is OpenSSL's own reason, which is the one an operator can search for.
            return new TlsResult(null, e is OperationCanceledException ? "timed out" : e.GetBaseException().Message);
        }
    }
}

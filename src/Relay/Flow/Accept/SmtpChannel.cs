using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Relay.Concurrency;
using Relay.Protocol.Smtp;
using Relay.Tls;

namespace Relay.Flow.Accept;

/// <summary>
/// A client's connection as its session sees it: one way in and one out, in clear or through TLS, the deadline of whatever is waited for, and how it ended.
/// The session's loop is its one user; only the deadline and <see cref="Wake"/> reach in from other threads, and they do no more than end a wait.
/// The transport's exceptions (reset, abort) pass through.
/// </summary>
internal sealed class SmtpChannel : IAsyncDisposable
{
    /// <summary>Replies are held back for the end of a pipelined group (RFC 2920 §3.2), but not more of them than this: a client that doesn't read is to feel it.</summary>
    private const int MostUnflushed = 8 * 1024;

    /// <summary>A reply must leave within this time, or the client isn't reading.</summary>
    private static readonly TimeSpan WriteTimeout = TimeSpan.FromMinutes(1);

    /// <summary>A handshake takes two round trips and a few milliseconds of work.</summary>
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromMinutes(1);

    /// <summary>After a refusal that closes, what the client still sends is read for so long, or the reset would take the reply with it.</summary>
    private static readonly TimeSpan LingerTimeout = TimeSpan.FromSeconds(2);

    /// <summary>And so much of it: whoever pours in more isn't about to read a reply.</summary>
    private const long LingerOctets = 64 * 1024;

    private readonly ConnectionContext _connection;
    private TlsPipe? _tls;

    public SmtpChannel(ConnectionContext connection, Heartbeat heartbeat)
    {
        _connection = connection;
        Input = connection.Transport.Input;
        Output = connection.Transport.Output;
        Deadline = heartbeat.Register(OnDeadline);
    }

    public PipeReader Input { get; private set; }

    public PipeWriter Output { get; private set; }

    /// <summary>The address that the client has reached; null when the transport doesn't say.</summary>
    public IPEndPoint? LocalEndPoint => _connection.LocalEndPoint as IPEndPoint;

    /// <summary>A read that it ends comes back cancelled, with the deadline expired.</summary>
    public Deadline Deadline { get; }

    public bool IsTls => _tls is not null;

    /// <summary>TLS version and cipher suite; null in clear.</summary>
    public (string Version, string Cipher)? TlsNames => _tls is { } tls ? (tls.Version, tls.Cipher) : null;

    /// <summary>Null while the session goes on.</summary>
    public ConnectionEnd? End { get; private set; }

    public bool IsOpen => End is null;

    /// <summary>Enough replies wait for them to be sent before more commands are read.</summary>
    public bool MustFlush => Output.UnflushedBytes >= MostUnflushed;

    public void Send(Reply reply)
    {
        reply.Wire.CopyTo(Output.GetSpan(reply.Wire.Length));
        Output.Advance(reply.Wire.Length);
    }

    /// <summary>The session ends once what has been said is flushed. The first reason counts.</summary>
    public void Close(ConnectionEnd end) => End ??= end;

    /// <summary>Sends what waits. A client that doesn't read is cut off.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask FlushAsync()
    {
        if (Output.UnflushedBytes == 0)
        {
            return;
        }

        ValueTask<FlushResult> flush = Output.FlushAsync();
        if (!flush.IsCompleted)
        {
            Deadline.Set(WriteTimeout);
        }

        FlushResult result = await flush.ConfigureAwait(false);
        if (result.IsCanceled && Deadline.HasExpired)
        {
            End = ConnectionEnd.WriteTimeout;
            _connection.Abort(new ConnectionAbortedException("The client does not read."));
        }
        else if (result.IsCompleted)
        {
            Close(ConnectionEnd.ClientClosed);
        }
    }

    /// <summary>The certificate that the client has shown in the handshake; null: none, or it wasn't asked for one.</summary>
    public ClientCertificate? Client { get; private set; }

    /// <summary>Handshake as the server; from then on both ways go through TLS alone. Null, or why it failed: the connection is cut then. <paramref name="cancel"/> ends a wait for others' handshakes.</summary>
    public async ValueTask<string?> StartTlsAsync(TlsAcceptor acceptor, CancellationToken cancel)
    {
        Deadline.Set(HandshakeTimeout);
        TlsResult result = await acceptor.AcceptAsync(_connection.Transport, cancel).ConfigureAwait(false);
        Deadline.Clear();
        if (result.Pipe is not { } tls)
        {
            Close(result.IsBusy ? ConnectionEnd.TlsBusy : ConnectionEnd.TlsFailed);
            _connection.Abort(new ConnectionAbortedException("The TLS handshake failed."));
            return result.Failure;
        }

        _tls = tls;
        Input = tls.Input;
        Output = tls.Output;
        Client = result.Client;
        return null;
    }

    /// <summary>What channel binding of the kind tls-server-end-point binds to (RFC 5929 §4); empty in clear.</summary>
    public byte[] EndPointBinding() => _tls?.Shown is { } certificate ? Relay.Tls.EndPointBinding.Of(certificate) : [];

    /// <summary>Reads on for a moment and throws it away, so that the client can read why it was shown out.</summary>
    public async ValueTask LingerAsync()
    {
        Deadline.Set(LingerTimeout);
        long left = LingerOctets;
        while (left > 0)
        {
            ReadResult read = await Input.ReadAsync().ConfigureAwait(false);
            left -= read.Buffer.Length;
            Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted || Deadline.HasExpired)
            {
                return;
            }
        }
    }

    /// <summary>Ends a read that waits, cancelled. A read that isn't a wait for a command finds its deadline not expired, and reads on. Any thread, at any time: also during and after the disposal.</summary>
    public void Wake()
    {
        if (_tls is { } tls)
        {
            tls.CancelPendingRead();
        }
        else
        {
            Input.CancelPendingRead();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_tls is { } tls)
        {
            // The farewell needs the client to read.
            Deadline.Set(LingerTimeout);
            await tls.DisposeAsync().ConfigureAwait(false);
        }

        Deadline.Dispose();
    }

    /// <summary>Heartbeat thread: wakes whatever the session waits in; the session itself decides what that means.</summary>
    private void OnDeadline()
    {
        if (_tls is { } tls)
        {
            tls.CancelPending();
        }
        else
        {
            Input.CancelPendingRead();
            Output.CancelPendingFlush();
        }
    }
}

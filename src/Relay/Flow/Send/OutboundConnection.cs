using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Relay.Concurrency;
using Relay.Protocol.Smtp;
using Relay.Telemetry;
using Relay.Tls;

namespace Relay.Flow.Send;

/// <summary>
/// One connection to a server: its pipes, its deadline, and what is known of the other side. Whoever took it from the pool (or opened it) owns it; while it is idle the
/// pool's watch owns the reads, so that a connection the peer has closed is noticed at once and never handed out. Reads and flushes end by their deadline and
/// give a failure as text: what a peer does is no exception.
/// </summary>
internal sealed class OutboundConnection : IAsyncDisposable
{
    /// <summary>A good-bye isn't worth more.</summary>
    private static readonly TimeSpan FarewellTimeout = TimeSpan.FromSeconds(2);

    private readonly Dialed _dialed;
    private readonly Deadline _deadline;
    private TlsPipe? _tls;
    private Task? _watch;
    private volatile bool _usable = true;
    private bool _heardSinceFlush;

    public OutboundConnection(ConnectionKey key, Dialed dialed, Heartbeat heartbeat, long opened)
    {
        Key = key;
        _dialed = dialed;
        Opened = opened;
        Input = dialed.Transport.Input;
        Output = dialed.Transport.Output;
        Hop = new HopInfo(new NextHopInfo(key.Host, key.Address, key.Port), dialed.Source?.ToString(), null) { IsFinal = key.Scheme == NextHopScheme.Lmtp, Policy = key.Tls.Word };
        _deadline = heartbeat.Register(OnDeadline);
    }

    public ConnectionKey Key { get; }

    public HopInfo Hop { get; private set; }

    public ServerExtensions Extensions
    {
        get;
        set
        {
            field = value;
            Hop = Hop with { TakesDsn = value.Dsn };
        }
    }

    /// <summary>Timestamps of TimeProvider: when it was opened and when it last became idle.</summary>
    public long Opened { get; }

    public long IdleSince { get; set; }

    public PipeWriter Output { get; private set; }

    /// <summary>What was said on it and what of that is unanswered; the session's.</summary>
    public SmtpPipeline? Pipeline { get; set; }

    /// <summary>We have proved to the server who we are (RFC 4954).</summary>
    public bool IsAuthenticated { get; set; }

    /// <summary>What is wrong with TLS, where the policy lets it pass: with the server's certificate, or why there is none. None when nothing is.</summary>
    public TlsFault TlsFault { get; set; }

    /// <summary>The domains for which it has been counted as a try at TLS; null before the first.</summary>
    public HashSet<string>? CountedFor { get; set; }

    /// <summary>It is in TLS with the server that it should be with, beyond doubt: what a message with REQUIRETLS demands (RFC 8689 §4.2.1). What a delivery agent gets on this machine goes nowhere else.</summary>
    public bool IsProven => (Hop.Tls is { Verified: not "none" } && Key.Tls.IsNameSure) || (Hop.IsFinal && Key.IsLocal);

    /// <summary>Transactions begun on it (MAIL).</summary>
    public int Mails { get; set; }

    /// <summary>It has had all the messages that the server takes on one connection (RFC 9422), or that we send on one: it is closed in good order, not kept.</summary>
    public bool IsSpent { get; set; }

    /// <summary>The server has said something that nobody has read.</summary>
    public bool HasInput
    {
        get
        {
            try
            {
                return Input.HasBuffered();
            }
            catch (Exception e) when (IsConnectionFailure(e))
            {
                _usable = false;
                return false;
            }
        }
    }

    /// <summary>False once anything went wrong: it may only be disposed.</summary>
    public bool IsUsable => _usable;

    private PipeReader Input { get; set; }

    public void Break() => _usable = false;

    /// <summary>Wraps the transport in TLS. Null, or why it failed; the connection is of no use then.</summary>
    public async ValueTask<string?> StartTlsAsync(ServerProof proof, TimeSpan timeout)
    {
        if (Input.HasBuffered())
        {
            // RFC 3207 §4.2 from the client's side: what came in clear behind the 220 would be taken for a reply inside TLS.
            _usable = false;
            return "the server sent data in clear behind its 220";
        }

        _deadline.Set(timeout);
        TlsResult result = await TlsPipe.ClientAsync(_dialed.Transport, proof.Options()).ConfigureAwait(false);
        _deadline.Clear();
        if (result.Pipe is not { } tls)
        {
            _usable = false;
            return result.Failure;
        }

        _tls = tls;
        Input = tls.Input;
        Output = tls.Output;
        Hop = Hop with { Tls = new TlsInfo(tls.Version, tls.Cipher, proof.Verified) };
        TlsFault = proof.Fault;
        return null;
    }

    /// <summary>The next reply, within <paramref name="timeout"/>.</summary>
    public ValueTask<ReplyRead> ReadReplyAsync(TimeSpan timeout) => ReadAsync(timeout, ehlo: false);

    /// <summary>A reply that is there already. False when none is, whatever the reason: the next wait for one tells it.</summary>
    public bool TryReadReply(out PeerReply reply)
    {
        reply = default;
        try
        {
            if (!Input.TryRead(out ReadResult read))
            {
                return false;
            }

            ReadOnlySequence<byte> buffer = read.Buffer;
            bool found = ReplyReader.TryRead(ref buffer, out reply) == ReplyStatus.Done;
            _heardSinceFlush |= found;
            // Not marked as looked at, so that a wait begins with what is there.
            Input.AdvanceTo(buffer.Start);
            return found;
        }
        catch (Exception e) when (IsConnectionFailure(e))
        {
            _usable = false;
            return false;
        }
    }

    /// <summary>Whether the server closes the connection now, without another word.</summary>
    public async ValueTask<bool> EndsAsync(TimeSpan timeout)
    {
        _deadline.Set(timeout);
        try
        {
            ReadResult read = await Input.ReadAsync().ConfigureAwait(false);
            Input.AdvanceTo(read.Buffer.Start);
            return read.IsCompleted && read.Buffer.IsEmpty;
        }
        catch (Exception e) when (IsConnectionFailure(e))
        {
            // Reset, as by a server that closes with something of ours unread: an end as well.
            return true;
        }
        finally
        {
            _deadline.Clear();
        }
    }

    /// <summary>The reply to EHLO; sets <see cref="Extensions"/> when it is positive.</summary>
    public ValueTask<ReplyRead> ReadEhloAsync(TimeSpan timeout) => ReadAsync(timeout, ehlo: true);

    /// <summary>Sends what was written. Null, or why it failed.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<string?> FlushAsync(TimeSpan timeout)
    {
        _heardSinceFlush = false;
        try
        {
            ValueTask<FlushResult> flush = Output.FlushAsync();
            FlushResult result;
            if (flush.IsCompletedSuccessfully)
            {
                result = flush.GetAwaiter().GetResult();
            }
            else
            {
                _deadline.Set(timeout);
                result = await flush.ConfigureAwait(false);
                bool expired = result.IsCanceled && _deadline.HasExpired;
                _deadline.Clear();
                if (expired)
                {
                    _usable = false;
                    return "timed out";
                }
            }

            // A peer that closed may still have said why: the reply is read all the same.
            return null;
        }
        catch (Exception e) when (IsConnectionFailure(e))
        {
            _usable = false;
            return "the connection was lost";
        }
    }

    /// <summary>The pool's: owns the reads until <see cref="EndWatchAsync"/>; <paramref name="died"/> is called when the peer closes or speaks unasked (a 421, say).</summary>
    public void BeginWatch(Action<OutboundConnection> died) => _watch = WatchAsync(died);

    /// <summary>The pool's: gives the reads back. False when the connection has died meanwhile.</summary>
    public async ValueTask<bool> EndWatchAsync()
    {
        Input.CancelPendingRead();
        await _watch!.ConfigureAwait(false);
        _watch = null;
        return _usable;
    }

    /// <summary>Says QUIT when that makes sense, doesn't wait for the answer, and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        _deadline.Set(FarewellTimeout);
        if (_usable)
        {
            CommandWriter.Quit(Output);
            await FlushAsync(FarewellTimeout).ConfigureAwait(false);
            _deadline.Set(FarewellTimeout);
            await ReadReplyAsync(FarewellTimeout).ConfigureAwait(false);
        }

        if (_tls is { } tls)
        {
            _deadline.Set(FarewellTimeout);
            await tls.DisposeAsync().ConfigureAwait(false);
        }

        _usable = false;
        _deadline.Dispose();
        _dialed.Close.Dispose();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReplyRead> ReadAsync(TimeSpan timeout, bool ehlo)
    {
        _deadline.Set(timeout);
        try
        {
            if (_heardSinceFlush)
            {
                // More of the same flight's replies: nothing of ours is on its way that would carry the acknowledgement.
                _dialed.AckNow?.Invoke();
            }

            while (true)
            {
                ReadResult read = await Input.ReadAsync().ConfigureAwait(false);
                ReadOnlySequence<byte> buffer = read.Buffer;
                ServerExtensions extensions = default;
                ReplyStatus status = ehlo ? ReplyReader.TryReadEhlo(ref buffer, out PeerReply reply, out extensions) : ReplyReader.TryRead(ref buffer, out reply);
                Input.AdvanceTo(buffer.Start, status == ReplyStatus.NeedMoreData ? buffer.End : buffer.Start);
                if (status == ReplyStatus.Done)
                {
                    _heardSinceFlush = true;
                    if (ehlo)
                    {
                        Extensions = extensions;
                    }

                    return new ReplyRead(reply, null);
                }

                if (Ended(read, status) is { } failure)
                {
                    return new ReplyRead(default, failure, status == ReplyStatus.Malformed);
                }
            }
        }
        catch (Exception e) when (IsConnectionFailure(e))
        {
            _usable = false;
            return new ReplyRead(default, "the connection was lost");
        }
        finally
        {
            _deadline.Clear();
        }
    }

    private static bool IsConnectionFailure(Exception e) =>
        e is IOException or System.Net.Sockets.SocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException or System.Security.Authentication.AuthenticationException;

    private string? Ended(in ReadResult read, ReplyStatus status)
    {
        string? failure = status == ReplyStatus.Malformed ? "the server's reply was malformed"
            : read.IsCompleted ? "the server closed the connection"
            : read.IsCanceled && _deadline.HasExpired ? "timed out"
            : null;
        if (failure is not null)
        {
            _usable = false;
        }

        return failure;
    }

    private async Task WatchAsync(Action<OutboundConnection> died)
    {
        try
        {
            ReadResult read = await Input.ReadAsync().ConfigureAwait(false);
            bool silent = read.IsCanceled && read.Buffer.IsEmpty && !read.IsCompleted;
            Input.AdvanceTo(read.Buffer.Start, silent ? read.Buffer.Start : read.Buffer.End);
            if (silent)
            {
                return;
            }
        }
        catch (Exception e) when (IsConnectionFailure(e))
        {
            // It has died, which is what the watch is there to see.
        }

        _usable = false;
        died(this);
    }

    private void OnDeadline()
    {
        if (_tls is { } tls)
        {
            tls.CancelPending();
        }
        else
        {
            _dialed.Transport.Input.CancelPendingRead();
            _dialed.Transport.Output.CancelPendingFlush();
        }
    }
}

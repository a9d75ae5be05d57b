using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Relay.Concurrency;
using Relay.Protocol.Smtp;
using Relay.Telemetry;
using Relay.Tls;

namespace Relay.Flow.Accept;

/// <summary>
/// One client's session (RFC 5321 §3 and §4): reads command lines, asks <see cref="SessionTable"/> whether they are legal now, runs them, and answers in order;
/// the replies to a pipelined group leave in one flush. One loop, so one thread at a time; only the deadline and the stop signal reach in from others,
/// and they do no more than wake the loop. Nothing is allocated per command.
/// </summary>
internal sealed class SmtpSession : IAsyncDisposable
{
    /// <summary>A reply must leave within this time, or the client isn't reading.</summary>
    private static readonly TimeSpan WriteTimeout = TimeSpan.FromMinutes(1);

    /// <summary>A handshake takes two round trips and a few milliseconds of work.</summary>
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromMinutes(1);

    /// <summary>After a refusal that closes, what the client still sends is read for so long, or the reset would take the reply with it.</summary>
    private static readonly TimeSpan LingerTimeout = TimeSpan.FromSeconds(2);

    private readonly ConnectionContext _connection;
    private readonly IPEndPoint _client;
    private readonly ListenerOptions _listener;
    private readonly SessionServices _services;
    private readonly AcceptSettings _settings;
    private readonly Deadline _deadline;
    private readonly CancellationTokenRegistration _stopping;
    private readonly CommandLines _lines = new();
    private readonly MailTransaction _mail;
    private readonly bool _trusted;

    private PipeReader _input;
    private PipeWriter _output;
    private TlsPipe? _tls;
    private SessionState _state;
    private ConnectionEnd? _end;
    private Pending _pending;
    private int _errors;
    private volatile bool _stop;
    private Task<string?>? _clientName;

    public SmtpSession(ConnectionContext connection, IPEndPoint client, ListenerOptions listener, SessionServices services, AcceptSettings settings)
    {
        _connection = connection;
        _client = client;
        _listener = listener;
        _services = services;
        _settings = settings;
        _input = connection.Transport.Input;
        _output = connection.Transport.Output;
        _trusted = listener.Role == ListenerRole.Relay && settings.Permission.IsTrusted(client.Address);
        _mail = new MailTransaction(client, services, settings);
        _deadline = services.Heartbeat.Register(OnDeadline);
        _stopping = services.Stopping.UnsafeRegister(static s => ((SmtpSession)s!).OnStopping(), this);
    }

    /// <summary>What a command left to do that can't be done while the line lies in the pipe's buffer.</summary>
    private enum Pending : byte
    {
        Nothing,
        Message,
        Tls,
    }

    private Extensions Offered => _tls is null ? _settings.OfferedInClear : _settings.OfferedInTls;

    /// <summary>Runs the session to its end. The transport's exceptions (reset, abort) pass through to the handler.</summary>
    public async Task<ConnectionEnd> RunAsync()
    {
        if (_listener.Tls == ListenerTls.Implicit && !await BeginTlsAsync().ConfigureAwait(false))
        {
            return ConnectionEnd.TlsFailed;
        }

        // The name is for the Received field only: the greeting doesn't wait for it, and a loopback client needs none.
        if (_settings.ReverseLookup is { } names && !IPAddress.IsLoopback(_client.Address))
        {
            _clientName = names.LookUpAsync(_client.Address, _services.Stopping).AsTask();
        }

        Send(_settings.Greeting);
        await FlushAsync().ConfigureAwait(false);
        while (_end is null)
        {
            await ReadCommandsAsync().ConfigureAwait(false);
            Pending pending = _pending;
            _pending = Pending.Nothing;
            if (_end is null && pending == Pending.Message)
            {
                await ReceiveMessageAsync().ConfigureAwait(false);
            }
            else if (_end is null && pending == Pending.Tls)
            {
                await StartTlsAsync().ConfigureAwait(false);
            }
        }

        if (_end is not (ConnectionEnd.Quit or ConnectionEnd.ClientClosed or ConnectionEnd.WriteTimeout))
        {
            await LingerAsync().ConfigureAwait(false);
        }

        return _end.Value;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.DisposeAsync().ConfigureAwait(false);
        _mail.Dispose();
        if (_tls is { } tls)
        {
            // The farewell needs the client to read.
            _deadline.Set(LingerTimeout);
            await tls.DisposeAsync().ConfigureAwait(false);
        }

        _deadline.Dispose();
    }

    /// <summary>Answers commands until one needs more than a reply, or the connection ends.</summary>
    private async ValueTask ReadCommandsAsync()
    {
        while (_end is null && _pending == Pending.Nothing)
        {
            if (_stop)
            {
                End(Replies.ShuttingDown421, ConnectionEnd.Stopping);
                break;
            }

            _deadline.Set(_settings.Limits.CommandTimeout);
            ReadResult read = await _input.ReadAsync().ConfigureAwait(false);
            if (read.IsCanceled && _deadline.HasExpired)
            {
                _input.AdvanceTo(read.Buffer.Start);
                End(Replies.Timeout421, ConnectionEnd.IdleTimeout);
                break;
            }

            ReadOnlySequence<byte> buffer = read.Buffer;
            bool needMore = Process(ref buffer);
            // Behind STARTTLS nothing may wait (RFC 3207 §4.2, CVE-2011-0411): it came in clear and would be read as if it had come in TLS.
            if (_pending == Pending.Tls && !buffer.IsEmpty)
            {
                _pending = Pending.Nothing;
                Violate("bytes behind STARTTLS", Replies.PipelinedBehindTls554);
            }

            _input.AdvanceTo(buffer.Start, needMore ? buffer.End : buffer.Start);
            if (read.IsCompleted && needMore && _end is null && _pending == Pending.Nothing)
            {
                _end = ConnectionEnd.ClientClosed;
                return;
            }

            if (_pending == Pending.Nothing || _end is not null)
            {
                await FlushAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Runs the complete lines of a buffer. True when it stopped for want of more bytes.</summary>
    private bool Process(ref ReadOnlySequence<byte> buffer)
    {
        while (_end is null && _pending == Pending.Nothing)
        {
            switch (_lines.TryRead(ref buffer, out ReadOnlySpan<byte> line))
            {
                case LineStatus.NeedMoreData:
                    if (_lines.IsEndless)
                    {
                        Violate("an endless command line", Replies.TooManyErrors421);
                    }

                    return true;
                case LineStatus.TooLong:
                    Refuse(Replies.LineTooLong500);
                    break;
                case LineStatus.BareLineEnding:
                    Violate("a command line with a bare CR or LF", Replies.BareLineEnding521);
                    break;
                default:
                    Execute(line);
                    break;
            }
        }

        return false;
    }

    private void Execute(ReadOnlySpan<byte> line)
    {
        Reply? refusal = CommandParser.Parse(line, Offered, out Command command);
        // A command that may not run now is told so, whatever its arguments look like.
        refusal = SessionTable.Refusal(command.Verb, _state) ?? refusal;
        if (refusal is not null)
        {
            Refuse(refusal);
            if (command.Verb == Verb.Http)
            {
                Violate("an HTTP request", null);
            }

            return;
        }

        switch (command.Verb)
        {
            case Verb.Ehlo:
            case Verb.Helo:
                Hello(command);
                break;
            case Verb.Mail:
                Mail(command);
                break;
            case Verb.Rcpt:
                Rcpt(command);
                break;
            case Verb.Data:
                _pending = Pending.Message;
                break;
            case Verb.StartTls:
                if (Offered.HasFlag(Extensions.StartTls))
                {
                    _pending = Pending.Tls;
                }
                else
                {
                    Refuse(Replies.CommandNotImplemented502);
                }

                break;
            case Verb.Rset:
                Reset();
                Send(Replies.Reset250);
                break;
            case Verb.Noop:
                Send(Replies.Noop250);
                break;
            case Verb.Vrfy:
                Send(Replies.Vrfy252);
                break;
            case Verb.Help:
                Send(Replies.Help214);
                break;
            case Verb.Quit:
                End(Replies.Closing221, ConnectionEnd.Quit);
                break;
        }
    }

    private void Hello(in Command command)
    {
        // RFC 5321 §4.1.4: a new EHLO clears the transaction, as RSET would.
        bool extended = command.Verb == Verb.Ehlo;
        _mail.Introduce(command.Argument, extended);
        _state = SessionState.Ready;
        Send(!extended ? _settings.HeloReply : _tls is null ? _settings.EhloInClear : _settings.EhloInTls);
    }

    private void Mail(in Command command)
    {
        if (_settings.Role == ListenerRole.Submission)
        {
            // RFC 6409 §4.3: nothing without authentication; the password would have to come in TLS.
            Refuse(_tls is null ? Replies.TlsRequired530 : Replies.AuthRequired530);
            return;
        }

        Reply? refusal = _mail.Begin(command);
        if (refusal is null)
        {
            _state = SessionState.Mail;
            Send(Replies.SenderOk250);
        }
        else
        {
            Refuse(refusal);
        }
    }

    private void Rcpt(in Command command)
    {
        Reply? refusal = _mail.AddRecipient(command, _trusted);
        if (refusal is null)
        {
            _state = SessionState.Recipients;
            Send(Replies.RecipientOk250);
            return;
        }

        SessionLog.RecipientRefused(_services.Log, _client, LogText.Clean(command.Path), refusal.ToString());
        _services.Metrics.RecipientRefused((int)refusal.Code);
        Refuse(refusal);
    }

    private async ValueTask ReceiveMessageAsync()
    {
        Send(Replies.StartMail354);
        await FlushAsync().ConfigureAwait(false);
        if (_end is not null)
        {
            return;
        }

        MailResult result = await _mail.ReceiveAsync(_input, _deadline, _tls is not null, ClientName()).ConfigureAwait(false);
        _state = SessionState.Ready;
        switch (result.Status)
        {
            case ReceiveStatus.Disconnected:
                _end = ConnectionEnd.ClientClosed;
                return;
            case ReceiveStatus.TimedOut:
                End(Replies.Timeout421, ConnectionEnd.IdleTimeout);
                break;
            case ReceiveStatus.Endless:
                Violate("an endless message", Replies.EndlessMessage421);
                break;
            default:
                if (result.Refusal is { } refusal)
                {
                    SessionLog.MessageRefused(_services.Log, _client, result.Id.ToString(), refusal.ToString());
                    Refuse(refusal);
                }
                else
                {
                    _errors = 0;
                    SendQueued(result);
                }

                break;
        }

        // More commands may wait in the pipe already; their replies and this one leave together.
        if (_end is not null || !_input.HasBuffered())
        {
            await FlushAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask StartTlsAsync()
    {
        Send(Replies.TlsReady220);
        await FlushAsync().ConfigureAwait(false);
        if (_end is null && !await BeginTlsAsync().ConfigureAwait(false))
        {
            _end = ConnectionEnd.TlsFailed;
        }

        // RFC 3207 §4.2: all that was said in clear is forgotten.
        _mail.Introduce([], extended: false);
        _state = SessionState.Start;
    }

    /// <summary>Wraps the connection's pipes; from then on the session speaks through TLS alone.</summary>
    private async ValueTask<bool> BeginTlsAsync()
    {
        _deadline.Set(HandshakeTimeout);
        TlsResult result = await TlsPipe.ServerAsync(_connection.Transport, _services.Certificate!.Options).ConfigureAwait(false);
        _deadline.Clear();
        if (result.Pipe is not { } tls)
        {
            SessionLog.TlsFailed(_services.Log, _client, LogText.Clean(result.Failure));
            _connection.Abort(new ConnectionAbortedException("The TLS handshake failed."));
            return false;
        }

        _tls = tls;
        _input = tls.Input;
        _output = tls.Output;
        return true;
    }

    private void SendQueued(in MailResult result)
    {
        Span<byte> text = _output.GetSpan(64);
        ReadOnlySpan<byte> prefix = "250 2.0.0 queued as "u8;
        prefix.CopyTo(text);
        int length = prefix.Length;
        result.Id.TryFormat(text[length..], out int idLength);
        length += idLength;
        "\r\n"u8.CopyTo(text[length..]);
        _output.Advance(length + 2);
    }

    private void Send(Reply reply)
    {
        reply.Wire.CopyTo(_output.GetSpan(reply.Wire.Length));
        _output.Advance(reply.Wire.Length);
    }

    /// <summary>Sends a refusal; too many of them, and the client is shown out (RFC 5321 §4.3.2 allows 421 at any time).</summary>
    private void Refuse(Reply reply)
    {
        Send(reply);
        if ((int)reply.Code >= 500 && ++_errors >= _settings.Limits.Errors)
        {
            End(Replies.TooManyErrors421, ConnectionEnd.TooManyErrors);
        }
    }

    private void Violate(string what, Reply? reply)
    {
        SessionLog.Violation(_services.Log, _client, what);
        if (reply is not null)
        {
            Send(reply);
        }

        _end = ConnectionEnd.ProtocolViolation;
    }

    private void End(Reply reply, ConnectionEnd end)
    {
        Send(reply);
        _end = end;
    }

    private void Reset()
    {
        _mail.Reset();
        if (_state > SessionState.Ready)
        {
            _state = SessionState.Ready;
        }
    }

    private async ValueTask FlushAsync()
    {
        ValueTask<FlushResult> flush = _output.FlushAsync();
        if (flush.IsCompletedSuccessfully)
        {
            if (flush.GetAwaiter().GetResult().IsCompleted)
            {
                _end ??= ConnectionEnd.ClientClosed;
            }

            return;
        }

        _deadline.Set(WriteTimeout);
        FlushResult result = await flush.ConfigureAwait(false);
        if (result.IsCanceled && _deadline.HasExpired)
        {
            _end = ConnectionEnd.WriteTimeout;
            _connection.Abort(new ConnectionAbortedException("The client does not read."));
        }
        else if (result.IsCompleted)
        {
            _end ??= ConnectionEnd.ClientClosed;
        }
    }

    private async ValueTask LingerAsync()
    {
        _deadline.Set(LingerTimeout);
        while (true)
        {
            ReadResult read = await _input.ReadAsync().ConfigureAwait(false);
            _input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted || _deadline.HasExpired)
            {
                return;
            }
        }
    }

    private string? ClientName() => _clientName is { IsCompletedSuccessfully: true } name ? name.GetAwaiter().GetResult() : null;

    /// <summary>Heartbeat thread: wakes whatever the session waits in; the session itself decides what that means.</summary>
    private void OnDeadline()
    {
        if (_tls is { } tls)
        {
            tls.CancelPending();
        }
        else
        {
            _connection.Transport.Input.CancelPendingRead();
            _connection.Transport.Output.CancelPendingFlush();
        }
    }

    /// <summary>A read that isn't a wait for a command is not disturbed by this: its loop sees that its deadline has not come, and reads on.</summary>
    private void OnStopping()
    {
        _stop = true;
        _input.CancelPendingRead();
    }
}

using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Relay.Concurrency;
using Relay.Flow.Abuse;
using Relay.Flow.Milter;
using Relay.Flow.Policy;
using Relay.Protocol.Smtp;
using Relay.Telemetry;

namespace Relay.Flow.Accept;

/// <summary>
/// One client's session (RFC 5321 §3), as a loop: reads command lines off the channel, has <see cref="SessionCommands"/> run them, and does what they leave to be done: the message, the
/// handshake. The replies to a pipelined group leave in one flush. One loop, so one thread at a time; only the stop signal reaches in from others, and it does no more than wake the loop.
/// </summary>
internal sealed class SmtpSession : IAsyncDisposable
{
    private readonly SmtpChannel _channel;
    private readonly SessionServices _services;
    private readonly ListenerOptions _listener;
    private readonly AcceptSettings _settings;
    private readonly SessionClient _client;
    private readonly MilterQuestions? _milters;
    private readonly MailTransaction _transaction;
    private readonly SessionConduct _conduct;
    private readonly SessionLogin _login;
    private readonly MailCommands _mail;
    private readonly SessionCommands _commands;
    private readonly CommandLines _lines = new();
    private readonly CancellationTokenRegistration _stopping;
    private FollowUp _next;
    private volatile bool _stop;

    public SmtpSession(ConnectionContext connection, IPEndPoint peer, ListenerOptions listener, SessionServices services, AcceptSettings settings)
    {
        _services = services;
        _listener = listener;
        _settings = settings;
        _channel = new SmtpChannel(connection, services.Heartbeat);
        _client = new SessionClient(peer, services, settings) { Server = _channel.LocalEndPoint?.Address };
        SessionMilters? milters = settings.Milters is { } those ? new SessionMilters(those, new MilterClientInfo { Hostname = settings.Hostname, Listener = listener.EndPoint }) : null;
        _milters = milters is null ? null : new MilterQuestions(milters, _client, _channel);
        _transaction = new MailTransaction(_client, services, settings, milters);
        _conduct = new SessionConduct(_channel, _client, services, settings.Limits);
        _login = new SessionLogin(_channel, _client, _conduct, services, _milters);
        _mail = new MailCommands(_channel, _client, _transaction, _conduct, services, settings, _milters);
        _commands = new SessionCommands(_channel, _client, _transaction, _mail, _login, _conduct, services, settings, _milters);
        _stopping = services.Stopping.UnsafeRegister(static s => ((SmtpSession)s!).OnStopping(), this);
    }

    /// <summary>Who the client is, as far as that is known by now.</summary>
    public IPEndPoint Client => _client.EndPoint;

    /// <summary>Runs the session to its end. The transport's exceptions (reset, abort) pass through to the handler.</summary>
    public async Task<ConnectionEnd> RunAsync()
    {
        if (_listener.ProxyFrom.Covers(_client.EndPoint.Address))
        {
            if (await ProxyPreamble.ReadAsync(_channel).ConfigureAwait(false) is not { } proxy)
            {
                SessionLog.Violation(_services.Log, _client.EndPoint, "no PROXY header");
                return ConnectionEnd.ProtocolViolation;
            }

            if (proxy.Source is { } source)
            {
                _client.Connect(source);
            }
        }

        if (_client.Admit(out ConnectionEnd turnedAway) is { } refusal)
        {
            if (_listener.Tls != ListenerTls.Implicit)
            {
                _channel.Send(refusal);
                await _channel.FlushAsync().ConfigureAwait(false);
            }

            return turnedAway;
        }

        if (_listener.Tls == ListenerTls.Implicit)
        {
            if (!await _settings.Tls!.TryBeginAsync(_services.Stopping).ConfigureAwait(false))
            {
                RefuseTls();
                return ConnectionEnd.TlsBusy;
            }

            if (!await BeginTlsAsync().ConfigureAwait(false))
            {
                return _channel.End!.Value;
            }
        }

        // Without a delay the greeting doesn't wait to see whether the client speaks first: whatever it said early is answered after it, in order.
        if (_settings.GreetDelay > TimeSpan.Zero && _client.Origin.Standing == Standing.Stranger && !_client.IsBlocked && await SpeaksEarlyAsync().ConfigureAwait(false))
        {
            _conduct.SpokeEarly();
        }
        else if (_channel.IsOpen)
        {
            await GreetAsync(again: false).ConfigureAwait(false);
        }

        await _channel.FlushAsync().ConfigureAwait(false);
        while (_channel.IsOpen)
        {
            await ReadCommandsAsync().ConfigureAwait(false);
            FollowUp next = _next;
            _next = FollowUp.None;
            if (_channel.IsOpen && next != FollowUp.None)
            {
                await FollowAsync(next).ConfigureAwait(false);
            }
        }

        if (_channel.End is not (ConnectionEnd.Quit or ConnectionEnd.ClientClosed or ConnectionEnd.WriteTimeout or ConnectionEnd.TlsFailed or ConnectionEnd.TlsBusy))
        {
            await _channel.LingerAsync().ConfigureAwait(false);
        }

        return _channel.End!.Value;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.DisposeAsync().ConfigureAwait(false);
        _client.Dispose();
        _transaction.Dispose();
        _login.Dispose();
        await _channel.DisposeAsync().ConfigureAwait(false);
        if (_milters is { } questions)
        {
            await questions.Milters.EndAsync().ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Waits with the greeting: a server waits for it (RFC 5321 §4.3.1), many a robot doesn't. Whether the client has spoken. With implicit TLS this comes behind the handshake, in which it is the client that has to speak first: early is what it
    /// says inside.
    /// </summary>
    private async ValueTask<bool> SpeaksEarlyAsync()
    {
        // Not the channel's own deadline, which ends flushes and the reads below TLS as well: the session is to go on.
        using Deadline greeting = _services.Heartbeat.Register(_channel.Wake);
        greeting.Set(_settings.GreetDelay);
        while (true)
        {
            ReadResult read = await _channel.Input.ReadAsync().ConfigureAwait(false);
            bool spoke = !read.Buffer.IsEmpty;
            _channel.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (spoke || read.IsCompleted || greeting.HasExpired || _stop)
            {
                if (!spoke && read.IsCompleted)
                {
                    _channel.Close(ConnectionEnd.ClientClosed);
                }

                return spoke;
            }
        }
    }

    /// <summary>Answers commands until one needs more than a reply, or the connection ends.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadCommandsAsync()
    {
        bool answered = true;
        while (_channel.IsOpen && _next == FollowUp.None)
        {
            if (_stop)
            {
                _channel.Send(Replies.ShuttingDown421);
                _channel.Close(ConnectionEnd.Stopping);
            }
            else
            {
                if (answered)
                {
                    // Once for each command: a client that sends it an octet at a time gets no more time than others.
                    _channel.Deadline.Set(_settings.Limits.CommandTimeout);
                }

                answered = await ReadAsync().ConfigureAwait(false);
            }

            // A follow-up flushes by itself: its own reply may go along.
            if (_next == FollowUp.None || !_channel.IsOpen)
            {
                await _channel.FlushAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Reads once and runs what is complete. True when a command was answered.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ReadAsync()
    {
        ReadResult read = await _channel.Input.ReadAsync().ConfigureAwait(false);
        ReadOnlySequence<byte> buffer = read.Buffer;
        if (read.IsCanceled && _channel.Deadline.HasExpired)
        {
            _channel.Input.AdvanceTo(buffer.Start);
            _channel.Send(Replies.Timeout421);
            _channel.Close(ConnectionEnd.IdleTimeout);
            return false;
        }

        bool answered = Process(ref buffer, out bool needMore);
        // Behind STARTTLS nothing may wait (RFC 3207 §4.2, CVE-2011-0411): it came in clear and would be read as if it had come in TLS.
        if (_next == FollowUp.Tls && !buffer.IsEmpty)
        {
            _next = FollowUp.None;
            _conduct.Violate("bytes behind STARTTLS", Replies.PipelinedBehindTls554);
        }

        _lines.Release();
        _channel.Input.AdvanceTo(buffer.Start, needMore ? buffer.End : buffer.Start);
        if (read.IsCompleted && needMore)
        {
            _channel.Close(ConnectionEnd.ClientClosed);
        }

        return answered;
    }

    /// <summary>Runs the complete lines of a buffer, as far as their replies have room. True when there was one; <paramref name="needMore"/> when it stopped for want of more bytes.</summary>
    private bool Process(ref ReadOnlySequence<byte> buffer, out bool needMore)
    {
        needMore = false;
        bool answered = false;
        while (_channel.IsOpen && _next == FollowUp.None && !_channel.MustFlush)
        {
            ReadOnlySequence<byte> before = buffer;
            switch (_lines.TryRead(ref buffer, _login.IsOpen || CommandLines.IsAuth(buffer), out ReadOnlySpan<byte> line))
            {
                case LineStatus.NeedMoreData:
                    needMore = true;
                    if (_lines.IsEndless)
                    {
                        _conduct.Violate("an endless command line", Replies.TooManyErrors421);
                    }

                    return answered;
                case LineStatus.TooLong:
                    _commands.RefuseLine(buffer);
                    break;
                case LineStatus.BareLineEnding:
                    _conduct.Violate("a command line with a bare CR or LF", Replies.BareLineEnding521);
                    break;
                default:
                    _next = _commands.Execute(line);
                    if (_next == FollowUp.Wait)
                    {
                        buffer = before;
                        return answered;
                    }

                    break;
            }

            answered = true;
        }

        return answered;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FollowAsync(FollowUp next)
    {
        switch (next)
        {
            case FollowUp.Message:
                await _channel.FlushAsync().ConfigureAwait(false);
                if (_channel.IsOpen)
                {
                    _mail.Received(await _transaction.ReceiveAsync(_channel).ConfigureAwait(false));
                }

                break;
            case FollowUp.Chunk:
                if (_mail.MustAskBeforeChunk)
                {
                    _commands.MiltersAnswered(await _milters!.AskAsync().ConfigureAwait(false));
                }

                if (!_channel.Input.HasBuffered())
                {
                    // The client may wait for the replies to MAIL and RCPT before it sends the octets.
                    await _channel.FlushAsync().ConfigureAwait(false);
                }

                _mail.ChunkReceived(_mail.ChunkRefusal is null
                    ? await _transaction.ReceiveChunkAsync(_channel, _mail.Chunk).ConfigureAwait(false)
                    : new MailResult(await _transaction.SwallowAsync(_channel, _mail.Chunk).ConfigureAwait(false), null, default));
                break;
            case FollowUp.Credentials:
                await _login.AnswerAsync().ConfigureAwait(false);
                break;
            case FollowUp.Wait:
                await _channel.FlushAsync().ConfigureAwait(false);
                await _mail.WaitAsync().ConfigureAwait(false);
                break;
            case FollowUp.Milters:
                FollowUp then = _commands.MiltersAnswered(await _milters!.AskAsync().ConfigureAwait(false));
                if (then != FollowUp.None)
                {
                    await FollowAsync(then).ConfigureAwait(false);
                }

                break;
            case FollowUp.Restart:
                await GreetAsync(again: true).ConfigureAwait(false);
                break;
            case FollowUp.Tls:
                if (!await _settings.Tls!.TryBeginAsync(_services.Stopping).ConfigureAwait(false))
                {
                    RefuseTls();
                    _commands.TlsRefused();
                    break;
                }

                _channel.Send(Replies.TlsReady220);
                await _channel.FlushAsync().ConfigureAwait(false);
                if (_channel.IsOpen)
                {
                    await BeginTlsAsync().ConfigureAwait(false);
                }

                break;
        }

        // More commands may wait in the pipe already; their replies and this one leave together.
        if (!_channel.IsOpen || !_channel.Input.HasBuffered())
        {
            await _channel.FlushAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The first reply; that of the milters, where one of them doesn't want the client.</summary>
    private async ValueTask GreetAsync(bool again)
    {
        if (_milters is not null && !_client.IsBlocked && await _milters.ConnectAsync(again).ConfigureAwait(false) is { } refusal)
        {
            _commands.TurnAway(refusal);
            return;
        }

        _commands.Greet();
    }

    private async ValueTask<bool> BeginTlsAsync()
    {
        if (await _channel.StartTlsAsync(_settings.Tls!, _services.Stopping).ConfigureAwait(false) is not { } failure)
        {
            _commands.TlsStarted();
            if (_channel.Client is { } certificate)
            {
                SessionLog.ClientCertificate(_services.Log, _client.EndPoint, certificate.Fingerprint, certificate.IsVerified);
            }

            return true;
        }

        if (_channel.End == ConnectionEnd.TlsBusy)
        {
            RefuseTls();
        }
        else
        {
            SessionLog.TlsFailed(_services.Log, _client.EndPoint, LogText.Clean(failure));
        }

        return false;
    }

    private void RefuseTls() => _services.Abuse.Refuse(_client.Origin, "tls_busy");

    private void OnStopping()
    {
        _stop = true;
        _channel.Wake();
    }
}

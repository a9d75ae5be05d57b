using System.Buffers;
using System.Text;
using Relay.Flow.Abuse;
using Relay.Flow.Login;
using Relay.Flow.Policy;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Telemetry;

namespace Relay.Flow.Accept;

/// <summary>
/// What the commands of a session do (RFC 5321 §4.1): asks <see cref="SessionTable"/> whether one is legal now, runs it, and answers, in order. It never waits: what takes longer than a reply
/// is handed back as a <see cref="FollowUp"/>, and its outcome comes in again. Nothing is allocated per command. The session's loop is its one user.
/// </summary>
internal sealed class SessionCommands(SmtpChannel channel, SessionClient client, MailTransaction mail, SessionServices services, AcceptSettings settings, MilterQuestions? milters)
{
    private Patience _patience = new(settings.Limits);
    private readonly DomainQuestion? _domains = settings.Domains is { } check ? new DomainQuestion(check, services.Stopping) : null;
    private SessionState _state;

    /// <summary>The exchange that AUTH began. After <see cref="FollowUp.Credentials"/> it has what is to be answered.</summary>
    public AuthExchange Auth { get; } = new();

    /// <summary>After <see cref="FollowUp.Chunk"/>: what follows.</summary>
    public Chunk Chunk { get; private set; }

    /// <summary>After <see cref="FollowUp.Chunk"/>: null, or the reply that the chunk gets once it has been swallowed.</summary>
    public Reply? ChunkRefusal { get; private set; }

    /// <summary>After <see cref="FollowUp.Chunk"/>: it is the first one, and the milters are to be asked before it is kept.</summary>
    public bool MustAskBeforeChunk { get; private set; }

    private Extensions Offered => services.Logins.Source is null ? settings.Offered(channel.IsTls, client) & ~Extensions.Auth : settings.Offered(channel.IsTls, client);

    /// <summary>The first reply, 220 or 554 (RFC 5321 §3.1).</summary>
    public void Greet()
    {
        _state = client.IsBlocked ? SessionState.Blocked : SessionState.Start;
        channel.Send(client.IsBlocked ? settings.Blocked : settings.Greeting);
    }

    /// <summary>Runs one command line, given without its CRLF.</summary>
    public FollowUp Execute(ReadOnlySpan<byte> line)
    {
        if (Auth.IsOpen)
        {
            return Continue(Auth.Respond(line));
        }

        Reply? malformed = CommandParser.Parse(line, Offered, out Command command);
        Reply? untimely = SessionTable.Refusal(command.Verb, _state);
        if (command.Verb == Verb.Bdat)
        {
            return Bdat(command, malformed, untimely);
        }

        // A command that may not run now is told so, whatever its arguments look like.
        if ((untimely ?? malformed) is { } refusal)
        {
            if (milters is not null && command.Verb == Verb.Unknown && _state != SessionState.Blocked)
            {
                return milters.AskUnknown(line, refusal);
            }

            Refuse(refusal);
            if (command.Verb == Verb.Http)
            {
                Violate("an HTTP request", null);
            }

            return FollowUp.None;
        }

        switch (command.Verb)
        {
            case Verb.Ehlo:
            case Verb.Helo:
                return Hello(command);
            case Verb.Mail:
                return Mail(command);
            case Verb.Rcpt:
                return client.IsBeingJudged ? FollowUp.Wait : Rcpt(command);
            case Verb.Data:
                return Data();
            case Verb.Auth:
                return LogIn(command);
            case Verb.XClient:
                return XClient(command);
            case Verb.StartTls:
                return StartTls();
            case Verb.Rset:
                Reset();
                Idle(Replies.Reset250);
                break;
            case Verb.Noop:
                Idle(Replies.Noop250);
                break;
            case Verb.Vrfy:
                Idle(Replies.Vrfy252);
                break;
            case Verb.Help:
                Idle(Replies.Help214);
                break;
            case Verb.Quit:
                channel.Send(Replies.Closing221);
                channel.Close(ConnectionEnd.Quit);
                break;
        }

        return FollowUp.None;
    }

    /// <summary>The line that begins so was longer than it may be.</summary>
    public void RefuseLine(in ReadOnlySequence<byte> line)
    {
        Span<byte> verb = stackalloc byte[4];
        line.Slice(0, verb.Length).CopyTo(verb);
        if (Auth.IsOpen)
        {
            Refuse(Auth.TooLong());
        }
        else if (Ascii.EqualsIgnoreCase(verb, "BDAT"u8))
        {
            Violate("a BDAT whose size can't be told", Replies.ChunkSyntax501);
        }
        else
        {
            // AUTH is that long only for the response that comes with it.
            Refuse(Ascii.EqualsIgnoreCase(verb, "AUTH"u8) ? Replies.AuthLineTooLong500 : Replies.LineTooLong500);
        }
    }

    /// <summary>The client does what nobody does by mistake, or what leaves it open where its next command begins: a last reply, and the connection ends.</summary>
    public void Violate(string what, Reply? reply)
    {
        SessionLog.Violation(services.Log, client.EndPoint, what);
        services.Abuse.Count(client.Origin, Offence.Command, AbuseGuard.Violation);
        if (reply is not null)
        {
            channel.Send(reply);
        }

        channel.Close(ConnectionEnd.ProtocolViolation);
    }

    /// <summary>The client didn't wait for the greeting: it gets another one.</summary>
    public void SpokeEarly()
    {
        services.Abuse.Refuse(client.Origin, "early_talker");
        services.Abuse.Count(client.Origin, Offence.Command, AbuseGuard.Violation);
        channel.Send(Replies.EarlyTalker554);
        channel.Close(ConnectionEnd.EarlyTalker);
    }

    /// <summary>Until what <see cref="FollowUp.Wait"/> left unread can be read again: some seconds at most.</summary>
    public ValueTask WaitAsync() => client.IsBeingJudged || _domains is null ? client.AwaitJudgementAsync() : _domains.WaitAsync();

    /// <summary>
    /// Answers the response in the exchange. One that shows whether the client knows a secret is looked at when it is its turn, which after wrong ones from there, or for that user, takes some seconds.
    /// </summary>
    public async ValueTask LogInAsync()
    {
        if (Auth.Proof is not { } proof)
        {
            Answered(await Auth.AnswerAsync(services.Stopping).ConfigureAwait(false));
            return;
        }

        if (!await TryTurnAsync(proof.User).ConfigureAwait(false))
        {
            return;
        }

        ulong secret = services.Abuse.SecretOf(proof.User, proof.Secret.Span);
        LoginAnswer answer = default;
        bool isBanned;
        try
        {
            answer = await Auth.AnswerAsync(services.Stopping).ConfigureAwait(false);
        }
        finally
        {
            isBanned = services.Abuse.Tried(client.Origin, proof.User, secret, answer.IsRight);
        }

        Answered(answer);
        if (isBanned)
        {
            Ban();
        }
    }

    /// <summary>Waits for the turn. False: there is none, and the client has been told so.</summary>
    private async ValueTask<bool> TryTurnAsync(byte[] user)
    {
        TimeSpan waited = TimeSpan.Zero;
        while (true)
        {
            LoginTurn turn = services.Abuse.TryTurn(client.Origin, user, waited, out TimeSpan wait);
            if (services.Stopping.IsCancellationRequested && turn == LoginTurn.Wait)
            {
                turn = LoginTurn.Busy;
            }

            switch (turn)
            {
                case LoginTurn.Now:
                    return true;
                case LoginTurn.Wait:
                    waited += wait;
                    await Task.Delay(wait, services.Time, services.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    break;
                case LoginTurn.Banned:
                    Auth.Clear();
                    Ban();
                    return false;
                default:
                    Auth.Clear();
                    Idle(Replies.AuthTooOften454);
                    return false;
            }
        }
    }

    /// <summary>The octets of a chunk were read, or what there was of them.</summary>
    public void ChunkReceived(in MailResult result)
    {
        if (result.Status != ReceiveStatus.Complete || result.Refusal is not null || (ChunkRefusal is null && Chunk.IsLast))
        {
            Received(result);
        }
        else if (ChunkRefusal is { } refusal)
        {
            RefuseFiltered(refusal);
        }
        else
        {
            _state = SessionState.Chunks;
            channel.Send(Replies.ChunkOk250);
        }
    }

    /// <summary>What the mechanism said to the client's response.</summary>
    private void Answered(in LoginAnswer answer)
    {
        if (answer.Account is { } account)
        {
            client.LogIn(account);
        }

        if (answer.Reply == Replies.AuthBusy454 || answer.Reply == Replies.AuthAway454)
        {
            Idle(answer.Reply);
        }
        else if (answer.Reply.IsRefusal)
        {
            Refuse(answer.Reply);
        }
        else
        {
            channel.Send(answer.Reply);
        }
    }

    /// <summary>The milters were asked about a command: null, or their refusal.</summary>
    public FollowUp MiltersAnswered(Reply? refusal)
    {
        switch (milters!.Asked)
        {
            case Verb.Ehlo or Verb.Helo when refusal is null:
                Welcome(milters.Asked);
                break;
            case Verb.Ehlo or Verb.Helo:
                _state = SessionState.Start;
                RefuseFiltered(refusal);
                break;
            case Verb.Mail when refusal is null:
                AcceptSender();
                break;
            case Verb.Mail:
                mail.Reset();
                RefuseFiltered(refusal);
                break;
            case Verb.Rcpt when milters.Own is { } own:
                RefuseRecipient(milters.Path, own);
                break;
            case Verb.Rcpt when refusal is null:
                AcceptRecipient();
                break;
            case Verb.Rcpt:
                mail.TakeBackRecipient();
                RefuseRecipient(milters.Path, refusal);
                CloseFiltered(refusal);
                break;
            case Verb.Data when refusal is null:
                channel.Send(Replies.StartMail354);
                return FollowUp.Message;
            case Verb.Data:
                Reset();
                RefuseFiltered(refusal);
                break;
            case Verb.Bdat when refusal is not null:
                // Told when the chunk has been swallowed.
                Reset();
                ChunkRefusal = refusal;
                break;
            case Verb.Unknown:
                RefuseFiltered(refusal ?? milters.Own!);
                break;
        }

        return FollowUp.None;
    }

    /// <summary>A milter doesn't want this client (RFC 5321 §3.1): 554 and nothing but QUIT is taken, or 421 and the end.</summary>
    public void TurnAway(Reply refusal)
    {
        _state = SessionState.Blocked;
        bool isForGood = (int)refusal.Code >= 500;
        channel.Send(new Reply(isForGood ? ReplyCode.TransactionFailed554 : ReplyCode.ServiceNotAvailable421, refusal.Text));
        if (!isForGood)
        {
            channel.Close(ConnectionEnd.Filtered);
        }
    }

    /// <summary>The message came to its end, one way or another.</summary>
    public void Received(in MailResult result)
    {
        _state = SessionState.Ready;
        switch (result.Status)
        {
            case ReceiveStatus.Disconnected:
                channel.Close(ConnectionEnd.ClientClosed);
                break;
            case ReceiveStatus.TimedOut:
                channel.Send(Replies.Timeout421);
                channel.Close(ConnectionEnd.IdleTimeout);
                break;
            case ReceiveStatus.Endless:
                Violate("an endless message", Replies.EndlessMessage421);
                break;
            case ReceiveStatus.Crumbs:
                Violate("a message in crumbs", Replies.TooSlow421);
                break;
            default:
                Answer(result);
                break;
        }
    }

    /// <summary>TLS has begun: all that was said in clear is forgotten (RFC 3207 §4.2).</summary>
    public void TlsStarted()
    {
        mail.Reset();
        client.Forget();
        client.Show(channel.Client);
        _state = SessionState.Start;
    }

    private FollowUp Hello(in Command command)
    {
        // RFC 5321 §4.1.4: a new EHLO clears the transaction, as RSET would.
        Reset();
        client.Introduce(command.Argument, extended: command.Verb == Verb.Ehlo);
        if (milters is not null)
        {
            return milters.AskHello(command.Verb);
        }

        Welcome(command.Verb);
        return FollowUp.None;
    }

    private void Welcome(Verb verb)
    {
        _state = SessionState.Ready;
        if (verb == Verb.Ehlo)
        {
            settings.EhloReply.Write(channel.Output, Offered, services.Logins.Source is { } logins ? logins.Mechanisms : default, services.Time.GetUtcNow());
        }
        else
        {
            channel.Send(settings.HeloReply);
        }

        Idled();
    }

    private FollowUp Mail(in Command command)
    {
        if (client.Account is not null && !client.RenewLogin())
        {
            Refuse(Replies.LoginOver530);
            return FollowUp.None;
        }

        if (settings.Role == ListenerRole.Submission && client.Login is null)
        {
            // RFC 6409 §4.3: nothing without authentication; the password would have to come in TLS.
            Refuse(channel.IsTls ? Replies.AuthRequired530 : Replies.TlsRequired530);
            return FollowUp.None;
        }

        if (_domains is not null && settings.Role == ListenerRole.Relay && !client.MayRelay)
        {
            switch (_domains.Ask(command.Domain))
            {
                case null:
                    return FollowUp.Wait;
                case DomainVerdict.NullMx:
                    RefuseSender(Replies.SenderTakesNoMail550, "null_mx_sender");
                    return FollowUp.None;
                case DomainVerdict.Missing:
                    RefuseSender(Replies.SenderDomainUnknown550, "unknown_sender_domain");
                    return FollowUp.None;
            }
        }

        if (mail.Begin(command) is { } refusal)
        {
            Refuse(refusal);
            return FollowUp.None;
        }

        if (milters is not null)
        {
            return milters.AskMail(command);
        }

        AcceptSender();
        return FollowUp.None;
    }

    private void RefuseSender(Reply refusal, string reason)
    {
        services.Abuse.Refuse(client.Origin, reason);
        Refuse(refusal);
    }

    private void AcceptSender()
    {
        _state = SessionState.Mail;
        Idle(Replies.SenderOk250);
    }

    private FollowUp Rcpt(in Command command)
    {
        if (client.Judgement() is { } listed)
        {
            services.Metrics.RecipientRefused((int)listed.Code);
            Refuse(listed);
            return FollowUp.None;
        }

        Reply? refusal = null;
        if (_domains is not null && client.Account is not null && settings.GoesByMx(Encoding.UTF8.GetString(command.Domain)))
        {
            if (_domains.Ask(command.Domain) is not { } verdict)
            {
                return FollowUp.Wait;
            }

            refusal = verdict switch
            {
                DomainVerdict.NullMx => Replies.RecipientTakesNoMail556,
                DomainVerdict.Missing => Replies.RecipientDomainUnknown550,
                _ => null,
            };
        }

        refusal ??= mail.AddRecipient(command);
        if (milters is not null && (refusal is null || milters.Milters.WantsRefused))
        {
            return milters.AskRcpt(command, refusal);
        }

        if (refusal is null)
        {
            AcceptRecipient();
        }
        else
        {
            RefuseRecipient(LogText.Clean(command.Path), refusal);
        }

        return FollowUp.None;
    }

    private void AcceptRecipient()
    {
        _state = SessionState.Recipients;
        channel.Send(Replies.RecipientOk250);
    }

    private void RefuseRecipient(string path, Reply refusal)
    {
        SessionLog.RecipientRefused(services.Log, client.EndPoint, path, refusal.ToString());
        services.Metrics.RecipientRefused((int)refusal.Code);
        if (refusal == Replies.TooManyRecipients452)
        {
            _patience.Overshot();
        }

        Refuse(refusal);
    }

    private FollowUp Data()
    {
        if (mail.IsBinary)
        {
            Refuse(Replies.BinaryNeedsChunks503);
            return FollowUp.None;
        }

        if (milters is not null)
        {
            mail.Open(channel);
            return milters.AskData(Verb.Data, FollowUp.Milters);
        }

        channel.Send(Replies.StartMail354);
        return FollowUp.Message;
    }

    /// <summary>Whatever it is answered, the octets that follow are never taken for commands (CVE-2020-28019).</summary>
    private FollowUp Bdat(in Command command, Reply? malformed, Reply? untimely)
    {
        if (malformed is not null)
        {
            Violate("a BDAT whose size can't be told", malformed);
            return FollowUp.None;
        }

        Chunk = command.Chunk;
        ChunkRefusal = untimely ?? (client.IsExtended ? null : Replies.ChunkNeedsEhlo503);
        MustAskBeforeChunk = milters is not null && ChunkRefusal is null && _state == SessionState.Recipients;
        if (MustAskBeforeChunk)
        {
            mail.Open(channel);
            milters!.AskData(Verb.Bdat, FollowUp.Chunk);
        }

        return FollowUp.Chunk;
    }

    private FollowUp LogIn(in Command command)
    {
        if ((Offered & Extensions.Auth) == 0)
        {
            // RFC 4954 §6: a password is for TLS only, and what takes its place is no better kept in clear.
            Refuse(services.Logins.Source is not null && !channel.IsTls ? Replies.AuthNeedsTls538 : Replies.CommandNotImplemented502);
            return FollowUp.None;
        }

        if (client.Login is not null)
        {
            Refuse(Replies.AuthRepeated503);
            return FollowUp.None;
        }

        if (milters is not null)
        {
            milters.AuthType = Encoding.ASCII.GetString(command.Mechanism).ToUpperInvariant();
        }

        return Continue(Auth.Begin(command, services.Logins.Source!, new LoginClient(client.EndPoint, channel.LocalEndPoint, channel.EndPointBinding, client.Certificate)));
    }

    private FollowUp Continue(Reply? refusal)
    {
        if (refusal is null)
        {
            return FollowUp.Credentials;
        }

        Refuse(refusal);
        return FollowUp.None;
    }

    /// <summary>Postfix's XCLIENT: the session begins again, with the client for whom the proxy speaks.</summary>
    private FollowUp XClient(in Command command)
    {
        if (!client.IsProxy)
        {
            Refuse(Replies.XClientRefused550);
        }
        else if (!XClientAttributes.TryParse(command.Argument, out XClientAttributes attributes))
        {
            Refuse(Replies.XClientSyntax501);
        }
        else
        {
            mail.Reset();
            client.Become(attributes);
            if (client.Admit(out ConnectionEnd end) is { } refusal)
            {
                channel.Send(refusal);
                channel.Close(end);
            }
            else if (milters is not null && !client.IsBlocked)
            {
                return FollowUp.Restart;
            }
            else
            {
                Greet();
            }
        }

        return FollowUp.None;
    }

    private FollowUp StartTls()
    {
        if ((Offered & Extensions.StartTls) == 0)
        {
            Refuse(Replies.CommandNotImplemented502);
            return FollowUp.None;
        }

        return FollowUp.Tls;
    }

    private void Answer(in MailResult result)
    {
        if (result.Refusal is { } refusal)
        {
            SessionLog.MessageRefused(services.Log, client.EndPoint, result.Id.ToString(), refusal.ToString());
            RefuseFiltered(refusal);
            return;
        }

        _patience.Earned();
        SendQueued(result.Id);
    }

    private void SendQueued(QueueId id)
    {
        channel.Output.Write("250 2.0.0 queued as "u8);
        id.TryFormat(channel.Output.GetSpan(QueueId.TextLength), out int length);
        channel.Output.Advance(length);
        channel.Output.Write("\r\n"u8);
    }

    private void Reset()
    {
        mail.Reset();
        if (_state > SessionState.Ready)
        {
            _state = SessionState.Ready;
        }
    }

    /// <summary>Answers a command that by itself brings no mail further.</summary>
    private void Idle(Reply reply)
    {
        channel.Send(reply);
        Idled();
    }

    private void Idled()
    {
        _patience.Idled();
        EndPatience(Replies.NoMailInSight421);
    }

    private void Refuse(Reply reply)
    {
        channel.Send(reply);
        if ((int)reply.Code >= 500)
        {
            _patience.Refused();
            if (IsOffence(reply, out Offence offence) && services.Abuse.Count(client.Origin, offence))
            {
                Ban();
                return;
            }
        }

        EndPatience(Replies.TooManyErrors421);
    }

    /// <summary>Refuses; and hangs up where a milter wants that.</summary>
    private void RefuseFiltered(Reply refusal)
    {
        Refuse(refusal);
        CloseFiltered(refusal);
    }

    private void CloseFiltered(Reply refusal)
    {
        if (refusal.Code == ReplyCode.ServiceNotAvailable421)
        {
            channel.Close(ConnectionEnd.Filtered);
        }
    }

    /// <summary>Of strangers: who has logged in is known by name. A log-in that failed is counted where it is known for whom; what DNS lists say is no deed.</summary>
    private bool IsOffence(Reply reply, out Offence offence)
    {
        offence = reply == RelayPermission.UnknownUser ? Offence.Recipient : Offence.Command;
        return client.Login is null && reply != Replies.AuthFailed535 && reply != client.Judgement();
    }

    /// <summary>The client has gone too far.</summary>
    private void Ban()
    {
        services.Abuse.Refuse(client.Origin, "banned");
        channel.Send(Replies.Banned421);
        channel.Close(ConnectionEnd.Banned);
    }

    private void EndPatience(Reply farewell)
    {
        if (_patience.IsOver)
        {
            channel.Send(farewell);
            channel.Close(ConnectionEnd.TooManyErrors);
        }
    }
}

using System.Buffers;
using System.Text;
using Relay.Flow.Policy;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Telemetry;

namespace Relay.Flow.Accept;

/// <summary>
/// MAIL, RCPT, DATA and BDAT (RFC 5321 §3.3, RFC 3030): what they ask of DNS lists, domains and milters before the transaction takes them, and what they are answered then. <see cref="SessionTable"/> has let them run. Nothing is allocated per
/// command. The session's loop is its one user.
/// </summary>
internal sealed class MailCommands(SmtpChannel channel, SessionClient client, MailTransaction mail, SessionConduct conduct, SessionServices services, AcceptSettings settings, MilterQuestions? milters)
{
    private readonly DomainQuestion? _domains = settings.Domains is { } check ? new DomainQuestion(check, services.Stopping) : null;

    /// <summary>How far the session has come. From <see cref="SessionState.Mail"/> on it is set here, before by <see cref="SessionCommands"/>.</summary>
    public SessionState State { get; set; }

    /// <summary>After <see cref="FollowUp.Chunk"/>: what follows.</summary>
    public Chunk Chunk { get; private set; }

    /// <summary>After <see cref="FollowUp.Chunk"/>: null, or the reply that the chunk gets once it has been swallowed.</summary>
    public Reply? ChunkRefusal { get; private set; }

    /// <summary>After <see cref="FollowUp.Chunk"/>: it is the first one, and the milters are to be asked before it is kept.</summary>
    public bool MustAskBeforeChunk { get; private set; }

    /// <summary>Until what <see cref="FollowUp.Wait"/> left unread can be read again: some seconds at most.</summary>
    public ValueTask WaitAsync() => client.IsBeingJudged || _domains is null ? client.AwaitJudgementAsync() : _domains.WaitAsync();

    public void Reset()
    {
        mail.Reset();
        if (State > SessionState.Ready)
        {
            State = SessionState.Ready;
        }
    }

    public FollowUp Mail(in Command command)
    {
        if (client.Account is not null && !client.RenewLogin())
        {
            conduct.Refuse(Replies.LoginOver530);
            return FollowUp.None;
        }

        if (settings.Role == ListenerRole.Submission && client.Login is null)
        {
            // RFC 6409 §4.3: nothing without authentication; the password would have to come in TLS.
            conduct.Refuse(channel.IsTls ? Replies.AuthRequired530 : Replies.TlsRequired530);
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
            conduct.Refuse(refusal);
            return FollowUp.None;
        }

        if (milters is not null)
        {
            return milters.AskMail(command);
        }

        AcceptSender();
        return FollowUp.None;
    }

    public FollowUp Rcpt(in Command command)
    {
        if (client.IsBeingJudged)
        {
            return FollowUp.Wait;
        }

        if (client.Judgement() is { } listed)
        {
            services.Metrics.RecipientRefused((int)listed.Code);
            conduct.Refuse(listed);
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

    public FollowUp Data()
    {
        if (mail.IsBinary)
        {
            conduct.Refuse(Replies.BinaryNeedsChunks503);
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
    public FollowUp Bdat(in Command command, Reply? malformed, Reply? untimely)
    {
        if (malformed is not null)
        {
            conduct.Violate("a BDAT whose size can't be told", malformed);
            return FollowUp.None;
        }

        Chunk = command.Chunk;
        ChunkRefusal = untimely ?? (client.IsExtended ? null : Replies.ChunkNeedsEhlo503);
        MustAskBeforeChunk = milters is not null && ChunkRefusal is null && State == SessionState.Recipients;
        if (MustAskBeforeChunk)
        {
            mail.Open(channel);
            milters!.AskData(Verb.Bdat, FollowUp.Chunk);
        }

        return FollowUp.Chunk;
    }

    /// <summary>The milters were asked about one of these commands: null, or their refusal.</summary>
    public FollowUp MiltersAnswered(Reply? refusal)
    {
        switch (milters!.Asked)
        {
            case Verb.Mail when refusal is null:
                AcceptSender();
                break;
            case Verb.Mail:
                mail.Reset();
                conduct.RefuseFiltered(refusal);
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
                break;
            case Verb.Data when refusal is null:
                channel.Send(Replies.StartMail354);
                return FollowUp.Message;
            case Verb.Data:
                Reset();
                conduct.RefuseFiltered(refusal);
                break;
            case Verb.Bdat when refusal is not null:
                // Told when the chunk has been swallowed.
                Reset();
                ChunkRefusal = refusal;
                break;
        }

        return FollowUp.None;
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
            conduct.RefuseFiltered(refusal);
        }
        else
        {
            State = SessionState.Chunks;
            channel.Send(Replies.ChunkOk250);
        }
    }

    /// <summary>The message came to its end, one way or another.</summary>
    public void Received(in MailResult result)
    {
        State = SessionState.Ready;
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
                conduct.Violate("an endless message", Replies.EndlessMessage421);
                break;
            case ReceiveStatus.Crumbs:
                conduct.Violate("a message in crumbs", Replies.TooSlow421);
                break;
            default:
                Answer(result);
                break;
        }
    }

    private void AcceptSender()
    {
        State = SessionState.Mail;
        conduct.Idle(Replies.SenderOk250);
    }

    private void RefuseSender(Reply refusal, string reason)
    {
        services.Abuse.Refuse(client.Origin, reason);
        conduct.Refuse(refusal);
    }

    private void AcceptRecipient()
    {
        State = SessionState.Recipients;
        channel.Send(Replies.RecipientOk250);
    }

    private void RefuseRecipient(string path, Reply refusal)
    {
        SessionLog.RecipientRefused(services.Log, client.EndPoint, path, refusal.ToString());
        services.Metrics.RecipientRefused((int)refusal.Code);
        conduct.RefuseFiltered(refusal);
    }

    private void Answer(in MailResult result)
    {
        if (result.Refusal is { } refusal)
        {
            SessionLog.MessageRefused(services.Log, client.EndPoint, result.Id.ToString(), refusal.ToString());
            conduct.RefuseFiltered(refusal);
            return;
        }

        conduct.Earned();
        channel.Output.Write("250 2.0.0 queued as "u8);
        result.Id.TryFormat(channel.Output.GetSpan(QueueId.TextLength), out int length);
        channel.Output.Advance(length);
        channel.Output.Write("\r\n"u8);
    }
}

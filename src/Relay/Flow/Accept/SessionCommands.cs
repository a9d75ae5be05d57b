using System.Buffers;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Telemetry;

namespace Relay.Flow.Accept;

/// <summary>
/// What the commands of a session do (RFC 5321 §4.1): asks <see cref="SessionTable"/> whether one is legal now, runs it, and answers, in order. It never waits: what takes longer than a reply
/// is handed back as a <see cref="FollowUp"/>, and its outcome comes in again. Nothing is allocated per command. The session's loop is its one user.
/// </summary>
internal sealed class SessionCommands(SmtpChannel channel, SessionClient client, MailTransaction mail, SessionServices services, AcceptSettings settings)
{
    private Patience _patience = new(settings.Limits);
    private SessionState _state;

    private Extensions Offered => settings.Offered(channel.IsTls);

    /// <summary>The first reply, 220 or 554 (RFC 5321 §3.1).</summary>
    public void Greet()
    {
        _state = client.IsBlocked ? SessionState.Blocked : SessionState.Start;
        channel.Send(client.IsBlocked ? settings.Blocked : settings.Greeting);
    }

    /// <summary>Runs one command line, given without its CRLF.</summary>
    public FollowUp Execute(ReadOnlySpan<byte> line)
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

            return FollowUp.None;
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
                channel.Send(Replies.StartMail354);
                return FollowUp.Message;
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

    /// <summary>The line was longer than any may be.</summary>
    public void RefuseLine() => Refuse(Replies.LineTooLong500);

    /// <summary>The client does what nobody does by mistake, or what leaves it open where its next command begins: a last reply, and the connection ends.</summary>
    public void Violate(string what, Reply? reply)
    {
        SessionLog.Violation(services.Log, client.EndPoint, what);
        if (reply is not null)
        {
            channel.Send(reply);
        }

        channel.Close(ConnectionEnd.ProtocolViolation);
    }

    /// <summary>DATA came to its end, one way or another.</summary>
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
        _state = SessionState.Start;
    }

    private void Hello(in Command command)
    {
        // RFC 5321 §4.1.4: a new EHLO clears the transaction, as RSET would.
        Reset();
        client.Introduce(command.Argument, extended: command.Verb == Verb.Ehlo);
        _state = SessionState.Ready;
        if (client.IsExtended)
        {
            settings.EhloReply.Write(channel.Output, Offered);
        }
        else
        {
            channel.Send(settings.HeloReply);
        }

        Idled();
    }

    private void Mail(in Command command)
    {
        if (settings.Role == ListenerRole.Submission)
        {
            // RFC 6409 §4.3: nothing without authentication; the password would have to come in TLS.
            Refuse(channel.IsTls ? Replies.AuthRequired530 : Replies.TlsRequired530);
            return;
        }

        if (mail.Begin(command) is { } refusal)
        {
            Refuse(refusal);
            return;
        }

        _state = SessionState.Mail;
        Idle(Replies.SenderOk250);
    }

    private void Rcpt(in Command command)
    {
        if (mail.AddRecipient(command) is not { } refusal)
        {
            _state = SessionState.Recipients;
            channel.Send(Replies.RecipientOk250);
            return;
        }

        SessionLog.RecipientRefused(services.Log, client.EndPoint, LogText.Clean(command.Path), refusal.ToString());
        services.Metrics.RecipientRefused((int)refusal.Code);
        if (refusal == Replies.TooManyRecipients452)
        {
            _patience.Overshot();
        }

        Refuse(refusal);
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
            Refuse(refusal);
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
        EndPatience();
    }

    private void Refuse(Reply reply)
    {
        channel.Send(reply);
        if ((int)reply.Code >= 500)
        {
            _patience.Refused();
        }

        EndPatience();
    }

    private void EndPatience()
    {
        if (_patience.IsOver)
        {
            channel.Send(Replies.TooManyErrors421);
            channel.Close(ConnectionEnd.TooManyErrors);
        }
    }
}

using System.Buffers;
using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>
/// What the commands of a session do (RFC 5321 §4.1): asks <see cref="SessionTable"/> whether one is legal now, runs it or has <see cref="MailCommands"/> or <see cref="SessionLogin"/> run it, and answers, in order. It never waits: what takes
/// longer than a reply is handed back as a <see cref="FollowUp"/>, and its outcome comes in again. Nothing is allocated per command. The session's loop is its one user.
/// </summary>
internal sealed class SessionCommands(
    SmtpChannel channel, SessionClient client, MailTransaction transaction, MailCommands mail, SessionLogin login, SessionConduct conduct, SessionServices services, AcceptSettings settings, MilterQuestions? milters)
{
    private Extensions Offered => services.Logins.Source is null ? settings.Offered(channel.IsTls, client) & ~Extensions.Auth : settings.Offered(channel.IsTls, client);

    /// <summary>The first reply, 220 or 554 (RFC 5321 §3.1).</summary>
    public void Greet()
    {
        mail.State = client.IsBlocked ? SessionState.Blocked : SessionState.Start;
        channel.Send(client.IsBlocked ? settings.Blocked : settings.Greeting);
    }

    /// <summary>A milter doesn't want this client (RFC 5321 §3.1): 554 and nothing but QUIT is taken, or 421 and the end.</summary>
    public void TurnAway(Reply refusal)
    {
        mail.State = SessionState.Blocked;
        bool isForGood = (int)refusal.Code >= 500;
        channel.Send(new Reply(isForGood ? ReplyCode.TransactionFailed554 : ReplyCode.ServiceNotAvailable421, refusal.Text));
        if (!isForGood)
        {
            channel.Close(ConnectionEnd.Filtered);
        }
    }

    /// <summary>Runs one command line, given without its CRLF.</summary>
    public FollowUp Execute(ReadOnlySpan<byte> line)
    {
        if (login.IsOpen)
        {
            return login.Respond(line);
        }

        Reply? malformed = CommandParser.Parse(line, Offered, out Command command);
        Reply? untimely = SessionTable.Refusal(command.Verb, mail.State);
        if (command.Verb == Verb.Bdat)
        {
            return mail.Bdat(command, malformed, untimely);
        }

        // A command that may not run now is told so, whatever its arguments look like.
        if ((untimely ?? malformed) is { } refusal)
        {
            if (milters is not null && command.Verb == Verb.Unknown && mail.State != SessionState.Blocked)
            {
                return milters.AskUnknown(line, refusal);
            }

            conduct.Refuse(refusal);
            if (command.Verb == Verb.Http)
            {
                conduct.Violate("an HTTP request", null);
            }

            return FollowUp.None;
        }

        switch (command.Verb)
        {
            case Verb.Ehlo:
            case Verb.Helo:
                return Hello(command);
            case Verb.Mail:
                return mail.Mail(command);
            case Verb.Rcpt:
                return mail.Rcpt(command);
            case Verb.Data:
                return mail.Data();
            case Verb.Auth:
                return login.Begin(command, (Offered & Extensions.Auth) != 0);
            case Verb.XClient:
                return XClient(command);
            case Verb.StartTls:
                return StartTls();
            case Verb.Rset:
                mail.Reset();
                conduct.Idle(Replies.Reset250);
                break;
            case Verb.Noop:
                conduct.Idle(Replies.Noop250);
                break;
            case Verb.Vrfy:
                conduct.Idle(Replies.Vrfy252);
                break;
            case Verb.Help:
                conduct.Idle(Replies.Help214);
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
        if (login.IsOpen)
        {
            login.RefuseLine();
        }
        else if (Ascii.EqualsIgnoreCase(verb, "BDAT"u8))
        {
            conduct.Violate("a BDAT whose size can't be told", Replies.ChunkSyntax501);
        }
        else
        {
            // AUTH is that long only for the response that comes with it.
            conduct.Refuse(Ascii.EqualsIgnoreCase(verb, "AUTH"u8) ? Replies.AuthLineTooLong500 : Replies.LineTooLong500);
        }
    }

    /// <summary>The milters were asked about a command: null, or their refusal.</summary>
    public FollowUp MiltersAnswered(Reply? refusal)
    {
        switch (milters!.Asked)
        {
            case Verb.Ehlo or Verb.Helo when refusal is null:
                Welcome(milters.Asked);
                return FollowUp.None;
            case Verb.Ehlo or Verb.Helo:
                mail.State = SessionState.Start;
                conduct.RefuseFiltered(refusal);
                return FollowUp.None;
            case Verb.Unknown:
                conduct.RefuseFiltered(refusal ?? milters.Own!);
                return FollowUp.None;
            default:
                return mail.MiltersAnswered(refusal);
        }
    }

    /// <summary>There are too many handshakes under way for another one.</summary>
    public void TlsRefused() => conduct.Idle(Replies.TlsBusy454);

    /// <summary>TLS has begun: all that was said in clear is forgotten (RFC 3207 §4.2).</summary>
    public void TlsStarted()
    {
        transaction.Reset();
        client.Forget();
        client.Show(channel.Client);
        mail.State = SessionState.Start;
    }

    private FollowUp Hello(in Command command)
    {
        // RFC 5321 §4.1.4: a new EHLO clears the transaction, as RSET would.
        mail.Reset();
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
        mail.State = SessionState.Ready;
        if (verb == Verb.Ehlo)
        {
            settings.EhloReply.Write(channel.Output, Offered, transaction.MaximumSize, services.Logins.Source is { } logins ? logins.Mechanisms : default, services.Time.GetUtcNow());
        }
        else
        {
            channel.Send(settings.HeloReply);
        }

        conduct.Idled();
    }

    /// <summary>Postfix's XCLIENT: the session begins again, with the client for whom the proxy speaks.</summary>
    private FollowUp XClient(in Command command)
    {
        if (!client.IsProxy)
        {
            conduct.Refuse(Replies.XClientRefused550);
        }
        else if (!XClientAttributes.TryParse(command.Argument, out XClientAttributes attributes))
        {
            conduct.Refuse(Replies.XClientSyntax501);
        }
        else
        {
            transaction.Reset();
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
            conduct.Refuse(Replies.CommandNotImplemented502);
            return FollowUp.None;
        }

        return FollowUp.Tls;
    }
}

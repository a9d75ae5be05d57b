using System.Text;
using Relay.Flow.Abuse;
using Relay.Flow.Login;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>
/// AUTH in a session (RFC 4954 §4): whether it may begin, the lines of its exchange, when it is an attempt's turn, and what comes of it. The lines are taken at once, as commands are; what they are answered waits for <see cref="AnswerAsync"/>. The
/// session's loop is its one user.
/// </summary>
internal sealed class SessionLogin(SmtpChannel channel, SessionClient client, SessionConduct conduct, SessionServices services, MilterQuestions? milters) : IDisposable
{
    private readonly AuthExchange _exchange = new();

    /// <summary>The next line is a response, not a command.</summary>
    public bool IsOpen => _exchange.IsOpen;

    /// <summary>AUTH; <paramref name="isOffered"/>: EHLO has said so.</summary>
    public FollowUp Begin(in Command command, bool isOffered)
    {
        if (!isOffered)
        {
            // RFC 4954 §6: a password is for TLS only, and what takes its place is no better kept in clear.
            conduct.Refuse(services.Logins.Source is not null && !channel.IsTls ? Replies.AuthNeedsTls538 : Replies.CommandNotImplemented502);
            return FollowUp.None;
        }

        if (client.Login is not null)
        {
            conduct.Refuse(Replies.AuthRepeated503);
            return FollowUp.None;
        }

        if (milters is not null)
        {
            milters.AuthType = Encoding.ASCII.GetString(command.Mechanism).ToUpperInvariant();
        }

        return Continue(_exchange.Begin(command, services.Logins.Source!, new LoginClient(client.EndPoint, channel.LocalEndPoint, channel.EndPointBinding, client.Certificate)));
    }

    public FollowUp Respond(ReadOnlySpan<byte> line) => Continue(_exchange.Respond(line));

    /// <summary>A response came that doesn't fit any line.</summary>
    public void RefuseLine() => conduct.Refuse(_exchange.TooLong());

    /// <summary>
    /// Answers the response in the exchange. One that shows whether the client knows a secret is looked at when it is its turn, which after wrong ones from there, or for that user, takes some seconds.
    /// </summary>
    public async ValueTask AnswerAsync()
    {
        if (_exchange.Proof is not { } proof)
        {
            Answered(await _exchange.AnswerAsync(services.Stopping).ConfigureAwait(false));
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
            answer = await _exchange.AnswerAsync(services.Stopping).ConfigureAwait(false);
        }
        finally
        {
            isBanned = services.Abuse.Tried(client.Origin, proof.User, secret, answer.IsRight);
        }

        Answered(answer);
        if (isBanned)
        {
            conduct.Ban();
        }
    }

    /// <summary>Overwrites what is secret.</summary>
    public void Dispose() => _exchange.Clear();

    private FollowUp Continue(Reply? refusal)
    {
        if (refusal is null)
        {
            return FollowUp.Credentials;
        }

        conduct.Refuse(refusal);
        return FollowUp.None;
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
                    _exchange.Clear();
                    conduct.Ban();
                    return false;
                default:
                    _exchange.Clear();
                    conduct.Idle(Replies.AuthTooOften454);
                    return false;
            }
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
            conduct.Idle(answer.Reply);
        }
        else if (answer.Reply.IsRefusal)
        {
            conduct.Refuse(answer.Reply);
        }
        else
        {
            channel.Send(answer.Reply);
        }
    }
}

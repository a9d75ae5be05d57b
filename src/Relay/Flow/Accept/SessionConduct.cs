using Relay.Flow.Abuse;
using Relay.Flow.Policy;
using Relay.Protocol.Smtp;
using Relay.Telemetry;

namespace Relay.Flow.Accept;

/// <summary>
/// What a client's conduct leads to: each answer that isn't what mail is for goes through here, and is counted, against the session's patience and against where the client comes from. Nothing is allocated per answer. The session's loop is its
/// one user.
/// </summary>
internal sealed class SessionConduct(SmtpChannel channel, SessionClient client, SessionServices services, LimitOptions limits)
{
    private Patience _patience = new(limits);

    /// <summary>Answers a command that by itself brings no mail further.</summary>
    public void Idle(Reply reply)
    {
        channel.Send(reply);
        Idled();
    }

    /// <summary>Such a command has been answered.</summary>
    public void Idled()
    {
        _patience.Idled();
        EndPatience(Replies.NoMailInSight421);
    }

    /// <summary>A message was accepted.</summary>
    public void Earned() => _patience.Earned();

    public void Refuse(Reply reply)
    {
        channel.Send(reply);
        if (reply == Replies.TooManyRecipients452)
        {
            _patience.Overshot();
        }

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
    public void RefuseFiltered(Reply refusal)
    {
        Refuse(refusal);
        if (refusal.Code == ReplyCode.ServiceNotAvailable421)
        {
            channel.Close(ConnectionEnd.Filtered);
        }
    }

    /// <summary>The client has gone too far.</summary>
    public void Ban()
    {
        services.Abuse.Refuse(client.Origin, "banned");
        channel.Send(Replies.Banned421);
        channel.Close(ConnectionEnd.Banned);
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

    /// <summary>Of strangers: who has logged in is known by name. A log-in that failed is counted where it is known for whom; what DNS lists say is no deed.</summary>
    private bool IsOffence(Reply reply, out Offence offence)
    {
        offence = reply == RelayPermission.UnknownUser ? Offence.Recipient : Offence.Command;
        return client.Login is null && reply != Replies.AuthFailed535 && reply != client.Judgement();
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

using System.Net.Sockets;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Send;

/// <summary>
/// What went wrong, how far that reaches, and the answer that says so. The one place where failures of an attempt get their scope, their class and, where no server gave one, their status
/// (RFC 3463): the next connection, the next host, a later time or a report follows from these.
/// </summary>
internal sealed record AttemptFailure(FailureScope Scope, PeerReply Reply)
{
    /// <summary>For good, so that no later attempt is worth it. Only a server's word about a message or a recipient is: what befalls connections and hosts passes.</summary>
    public bool IsPermanent { get; init; }

    /// <summary>TLS itself failed: a connection in clear may do, where the policy allows that.</summary>
    public bool TlsBroken { get; init; }

    /// <summary>What was wrong with TLS; None when it was something else.</summary>
    public TlsFault Tls { get; private init; }

    /// <summary>What it means for a recipient that it reaches.</summary>
    public RecipientOutcome Outcome => new(IsPermanent ? OutcomeKind.Failed : OutcomeKind.Deferred, Reply);

    /// <summary>The server broke the order of replies: nothing it says from now on can be matched to anything.</summary>
    public bool OutOfStep { get; private init; }

    /// <summary>The connection ended or fell silent.</summary>
    public bool IsLost { get; private init; }

    /// <summary>It is this relay's own set-up that doesn't allow it: nothing is known against the host.</summary>
    public bool IsOurs { get; private init; }

    /// <summary>Nobody answered at the address (RFC 3463: 4.4.1), or the system wouldn't try.</summary>
    public static AttemptFailure CannotConnect(Exception cause) => cause is SourceAddressException own ? OurSource(own.Message) : Local(FailureScope.Host, 4, 1, cause switch
    {
        SocketException e => "connect failed: " + Describe(e.SocketErrorCode),
        OperationCanceledException => "connect timed out",
        _ => "connect failed: " + cause.Message,
    });

    /// <summary>No connection can be made from the address that the configuration wants (RFC 3463: 4.3.5).</summary>
    public static AttemptFailure OurSource(string reason) => Local(FailureScope.Host, 3, 5, reason) with { IsOurs = true };

    /// <summary>We couldn't log in. Credentials are ours to set right, so whatever the server says the mail waits (RFC 4954 §6: 4.7.8).</summary>
    public static AttemptFailure NotAuthenticated(string reason) => Local(FailureScope.Host, 7, 8, reason);

    /// <summary>Our password would cross the network in clear (RFC 4954 §6: 4.7.11).</summary>
    public static AttemptFailure PasswordInClear() =>
        Local(FailureScope.Host, 7, 11, "not logged in, because the password would go out in clear: the connection has no TLS");

    /// <summary>The handshake came to nothing; <paramref name="fault"/> says of which certificate's doing, None that of something else.</summary>
    public static AttemptFailure TlsFailed(TlsFault fault, string reason) =>
        Local(FailureScope.Host, 7, 5, "TLS handshake failed: " + reason) with { TlsBroken = true, Tls = fault == TlsFault.None ? TlsFault.ValidationFailure : fault };

    /// <summary><paramref name="policy"/>: the word for what demands it.</summary>
    public static AttemptFailure TlsNotOffered(string policy) =>
        Local(FailureScope.Host, 7, 4, $"the server does not offer STARTTLS, and TLS is demanded ({policy})") with { Tls = TlsFault.StartTlsNotSupported };

    /// <summary>The policy allows nothing to be sent to this host, so that it isn't even asked.</summary>
    public static AttemptFailure PolicyForbids(TlsRefusal refusal) => Local(FailureScope.Host, 7, 5, refusal.Reason) with { Tls = refusal.Fault };

    /// <summary>The connection ended or fell silent.</summary>
    public static AttemptFailure Lost(FailureScope scope, string reason, string phase) => Local(scope, 4, 2, $"{reason} while waiting for {phase}") with { IsLost = true };

    /// <summary>As <see cref="Lost(FailureScope, string, string)"/>, in the middle of the mail.</summary>
    public static AttemptFailure Lost(string reason, SmtpPhase phase) => Lost(FailureScope.Connection, reason, "the reply to " + Name(phase));

    /// <summary>The server speaks something else than SMTP (RFC 3463: 4.5.0).</summary>
    public static AttemptFailure Protocol(FailureScope scope, string what) => Local(scope, 5, 0, what) with { OutOfStep = true };

    /// <summary>The server sent us away as a whole: its greeting or EHLO was a refusal, or it said 421 (RFC 5321 §3.8).</summary>
    public static AttemptFailure Refused(PeerReply reply) => new(FailureScope.Host, reply);

    /// <summary>It said no to STARTTLS, which it had offered.</summary>
    public static AttemptFailure TlsRefused(PeerReply reply) => Refused(reply) with { Tls = TlsFault.StartTlsNotSupported };

    /// <summary>The message can't be read from the spool: our own trouble, which says nothing about the server. Half of it may be on its way, so the connection must end.</summary>
    public static AttemptFailure Unreadable(SpoolReadException cause) => Local(FailureScope.Connection, 3, 0, cause.Message);

    /// <summary>What a server's reply to a command of a mail transaction means: null when the transaction goes on.</summary>
    public static AttemptFailure? OfReply(SmtpPhase phase, in PeerReply reply)
    {
        if (phase == SmtpPhase.Data ? reply.Code == 354 : reply.IsPositive)
        {
            return null;
        }

        if (reply.Code == 421)
        {
            return Refused(reply);
        }

        if (reply.IsPositive || reply.IsIntermediate || phase == SmtpPhase.Reset)
        {
            return Protocol(FailureScope.Host, $"the server answered {Name(phase)} with {reply.Code}");
        }

        // RFC 5321 §4.5.3.1.10: an old server says 552 for "too many recipients", which is temporary.
        return phase == SmtpPhase.Recipient
            ? new AttemptFailure(FailureScope.Recipient, reply) { IsPermanent = reply.IsPermanent && reply.Code != 552 }
            : new AttemptFailure(FailureScope.Message, reply) { IsPermanent = reply.IsPermanent };
    }

    /// <summary>The connection failed behind the end of a message, before its reply came: it may have arrived, and to try it again at once would most likely make a second copy.</summary>
    public AttemptFailure Unconfirmed() => new(FailureScope.Message, Reply with { Code = 0, Enhanced = new EnhancedStatusCode(4, 4, 2), Text = Reply.Text + " (the message may have been delivered)" });

    /// <summary>A reply of our own, for the log and the report, where no server gave one.</summary>
    public static PeerReply LocalReply(byte @class, ushort subject, ushort detail, string text) => new(0, new EnhancedStatusCode(@class, subject, detail), text);

    private static AttemptFailure Local(FailureScope scope, ushort subject, ushort detail, string text) => new(scope, LocalReply(4, subject, detail, text));

    private static string Name(SmtpPhase phase) => phase switch
    {
        SmtpPhase.Reset => "RSET",
        SmtpPhase.Mail => "MAIL",
        SmtpPhase.Recipient => "RCPT",
        SmtpPhase.Data => "DATA",
        _ => "the end of the message",
    };

    private static string Describe(SocketError error) => error switch
    {
        SocketError.ConnectionRefused => "connection refused",
        SocketError.HostUnreachable => "no route to host",
        SocketError.NetworkUnreachable => "network unreachable",
        SocketError.TimedOut => "timed out",
        _ => error.ToString(),
    };
}

using System.Net.Sockets;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Send;

/// <summary>
/// Why an attempt got no answer about its recipients, and how far that reaches. The one place where such failures get their status (RFC 3463) and where it is
/// decided what follows: the next host, or a later time.
/// </summary>
internal sealed record AttemptFailure(FailureScope Scope, PeerReply Reply)
{
    /// <summary>TLS itself failed: a connection in clear may do, where the policy allows that.</summary>
    public bool TlsBroken { get; init; }

    /// <summary>Nobody answered at the address (RFC 3463: 4.4.1), or the system wouldn't try.</summary>
    public static AttemptFailure CannotConnect(Exception cause) => Local(FailureScope.Host, 4, 1, cause switch
    {
        SocketException e => "connect failed: " + Describe(e.SocketErrorCode),
        OperationCanceledException => "connect timed out",
        _ => "connect failed: " + cause.Message,
    });

    public static AttemptFailure TlsFailed(string reason) => Local(FailureScope.Host, 7, 5, "TLS handshake failed: " + reason) with { TlsBroken = true };

    public static AttemptFailure TlsNotOffered() => Local(FailureScope.Host, 7, 4, "TLS is required and the server does not offer STARTTLS");

    /// <summary>The connection ended or fell silent. <paramref name="scope"/> says whether the message may have been taken.</summary>
    public static AttemptFailure Lost(FailureScope scope, string reason, string phase) => Local(scope, 4, 2, $"{reason} while waiting for {phase}");

    /// <summary>The server speaks something else than SMTP (RFC 3463: 4.5.0).</summary>
    public static AttemptFailure Protocol(FailureScope scope, string what) => Local(scope, 5, 0, what);

    /// <summary>The server sent us away as a whole: its greeting or EHLO was a refusal, or it said 421.</summary>
    public static AttemptFailure Refused(PeerReply reply) => new(FailureScope.Host, reply);

    /// <summary>A reply of our own, for the log and the report, where no server gave one.</summary>
    public static PeerReply LocalReply(byte @class, ushort subject, ushort detail, string text) => new(0, new EnhancedStatusCode(@class, subject, detail), text);

    private static AttemptFailure Local(FailureScope scope, ushort subject, ushort detail, string text) => new(scope, LocalReply(4, subject, detail, text));

    private static string Describe(SocketError error) => error switch
    {
        SocketError.ConnectionRefused => "connection refused",
        SocketError.HostUnreachable => "no route to host",
        SocketError.NetworkUnreachable => "network unreachable",
        SocketError.TimedOut => "timed out",
        _ => error.ToString(),
    };
}

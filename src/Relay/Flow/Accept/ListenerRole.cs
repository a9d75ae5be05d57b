namespace Relay.Flow.Accept;

/// <summary>Whom a listener serves.</summary>
public enum ListenerRole
{
    /// <summary>Other mail servers (port 25, RFC 5321): relaying is decided by network and by recipient domain.</summary>
    Relay,

    /// <summary>Users (ports 587 and 465, RFC 6409): nothing is accepted without authentication, not even from a trusted network.</summary>
    Submission,
}

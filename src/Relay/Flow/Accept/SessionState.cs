namespace Relay.Flow.Accept;

/// <summary>How far a session has come (RFC 5321 §4.1.4). The columns of <see cref="SessionTable"/>.</summary>
internal enum SessionState : byte
{
    /// <summary>Turned away by the greeting (RFC 5321 §3.1).</summary>
    Blocked,

    /// <summary>Greeted; no EHLO or HELO yet, or TLS has just begun.</summary>
    Start,

    /// <summary>Introduced; no transaction.</summary>
    Ready,

    /// <summary>MAIL accepted, no recipient yet.</summary>
    Mail,

    /// <summary>At least one recipient accepted.</summary>
    Recipients,

    /// <summary>At least one chunk of the message is here, and not the last one (RFC 3030 §2).</summary>
    Chunks,
}

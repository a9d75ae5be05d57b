namespace Relay.Flow.Accept;

/// <summary>How far a session has come (RFC 5321 §4.1.4). The columns of <see cref="SessionTable"/>.</summary>
internal enum SessionState : byte
{
    /// <summary>Greeted; no EHLO or HELO yet, or TLS has just begun.</summary>
    Start,

    /// <summary>Introduced; no transaction.</summary>
    Ready,

    /// <summary>MAIL accepted, no recipient yet.</summary>
    Mail,

    /// <summary>At least one recipient accepted.</summary>
    Recipients,
}

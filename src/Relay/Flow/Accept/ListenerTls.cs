namespace Relay.Flow.Accept;

/// <summary>How a listener speaks TLS.</summary>
public enum ListenerTls
{
    /// <summary>Never: STARTTLS is neither offered nor known.</summary>
    None,

    /// <summary>Begins in clear and offers STARTTLS (RFC 3207).</summary>
    StartTls,

    /// <summary>TLS from the first octet (RFC 8314 §3.3).</summary>
    Implicit,
}

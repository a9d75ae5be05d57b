namespace Relay.Flow;

/// <summary>What a delivery demands of TLS, weakest first.</summary>
public enum OutboundTls
{
    None,

    /// <summary>When offered, with any certificate; in clear when it isn't offered or fails (RFC 7435).</summary>
    Opportunistic,

    /// <summary>Always, with any certificate.</summary>
    Required,

    /// <summary>Always, with a certificate that is valid for the host's name.</summary>
    Verified,
}

namespace Relay.Flow;

/// <summary>How a next hop is spoken to.</summary>
public enum NextHopScheme
{
    Smtp,

    /// <summary>SMTP in TLS from the first octet.</summary>
    Smtps,

    /// <summary>LMTP (RFC 2033), to a delivery agent.</summary>
    Lmtp,
}

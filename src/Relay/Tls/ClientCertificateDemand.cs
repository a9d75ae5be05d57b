namespace Relay.Tls;

/// <summary>Whether a listener's handshakes ask the client for a certificate.</summary>
public enum ClientCertificateDemand
{
    None,

    /// <summary>One that isn't there, or that nobody vouches for, is no reason to refuse the handshake.</summary>
    Ask,

    /// <summary>There has to be one; when client authorities are configured, one that they vouch for.</summary>
    Require,
}

namespace Relay.Protocol.Dkim;

/// <summary>How header fields and body are brought into one form before they are hashed (RFC 6376 §3.4).</summary>
public enum DkimCanonicalization
{
    /// <summary>As they are, but for empty lines at the end of the body.</summary>
    Simple,

    /// <summary>White space and the case of field names don't count.</summary>
    Relaxed,
}

namespace Relay.Protocol.Policy;

/// <summary>What a domain wants of those who send to it (RFC 8461 §5).</summary>
public enum MtaStsMode
{
    /// <summary>The domain has withdrawn its policy.</summary>
    None,

    /// <summary>What fails is reported and delivered all the same.</summary>
    Testing,

    /// <summary>Nothing is delivered to a host that isn't named or can't prove who it is.</summary>
    Enforce,
}

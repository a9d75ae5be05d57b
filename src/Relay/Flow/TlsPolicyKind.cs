namespace Relay.Flow;

/// <summary>Who it is that demands what a <see cref="TlsPolicy"/> demands.</summary>
internal enum TlsPolicyKind
{
    /// <summary>The configuration.</summary>
    Configured,

    /// <summary>The domain's MTA-STS policy, which asks for reports only (RFC 8461 §5): what is demanded is what the configuration says.</summary>
    MtaStsTesting,

    /// <summary>The domain's MTA-STS policy (RFC 8461).</summary>
    MtaSts,

    /// <summary>The host's TLSA records (RFC 7672).</summary>
    Dane,

    /// <summary>The host has TLSA records of which none can be used: TLS, but nothing proves who it is (RFC 7672 §2.2).</summary>
    DaneUnusable,
}

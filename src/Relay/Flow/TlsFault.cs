namespace Relay.Flow;

/// <summary>What can be wrong with TLS to a host, as RFC 8460 §4.3 tells them apart.</summary>
internal enum TlsFault
{
    None,
    StartTlsNotSupported,
    CertificateHostMismatch,
    CertificateExpired,
    CertificateNotTrusted,

    /// <summary>Everything else that fails: a handshake that breaks off, a host that the policy doesn't name.</summary>
    ValidationFailure,

    /// <summary>No usable TLSA record, or none that matches.</summary>
    TlsaInvalid,

    /// <summary>The answer with the TLSA records could not be validated, or none came.</summary>
    DnssecInvalid,

    StsPolicyFetchError,
    StsPolicyInvalid,

    /// <summary>The certificate of the host with the MTA-STS policy.</summary>
    StsWebPkiInvalid,
}

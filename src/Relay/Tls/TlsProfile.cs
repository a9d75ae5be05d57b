namespace Relay.Tls;

/// <summary>Which versions and cipher suites a listener takes, after Mozilla's server-side recommendations. All encrypt and authenticate, and take neither compression nor renegotiation.</summary>
public enum TlsProfile
{
    /// <summary>TLS 1.2 and 1.3, the suites with forward secrecy: ECDHE with AES in GCM, and for Windows Server 2012 in CBC with SHA-2. No DHE, so no weak group.</summary>
    Intermediate,

    /// <summary>TLS 1.3 alone.</summary>
    Modern,

    /// <summary>As <see cref="Intermediate"/>, and what else TLS 1.2 has with AES or ChaCha20: HMAC-SHA-1, and RSA key exchange, which has no forward secrecy. .NET resumes no session under a list of suites.</summary>
    Old,
}

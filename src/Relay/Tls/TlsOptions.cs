namespace Relay.Tls;

/// <summary>TLS of our listeners.</summary>
public sealed record TlsOptions
{
    /// <summary>The first one is shown to clients that name no server, or one that no certificate is for. Empty: a self-signed one is made.</summary>
    public IReadOnlyList<CertificateOptions> Certificates { get; init; } = [];

    /// <summary>Of listeners that don't say another.</summary>
    public TlsProfile Profile { get; init; } = TlsProfile.Intermediate;

    /// <summary>A PEM file: whose word is taken for clients' certificates. Null: nobody's, and a certificate counts by its fingerprint alone.</summary>
    public string? ClientAuthorityPath { get; init; }
}

using Relay.Protocol.Dkim;

namespace Relay.Dkim;

/// <summary>A key with which mail is signed. Validated before it gets here.</summary>
public sealed record DkimKeyOptions
{
    /// <summary>d=, in ASCII form and lower case.</summary>
    public required string Domain { get; init; }

    /// <summary>s=.</summary>
    public required string Selector { get; init; }

    /// <summary>A PEM file with the private key: RSA or Ed25519.</summary>
    public required string KeyPath { get; init; }

    /// <summary>Whose mail is signed, by the domain of its From field: domains, "*.domain" for all below one, "*" for all. Empty: the domain itself.</summary>
    public IReadOnlyList<string> From { get; init; } = [];

    public DkimCanonicalization HeaderForm { get; init; } = DkimCanonicalization.Relaxed;

    public DkimCanonicalization BodyForm { get; init; } = DkimCanonicalization.Relaxed;
}

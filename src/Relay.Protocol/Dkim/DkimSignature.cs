namespace Relay.Protocol.Dkim;

/// <summary>What one signature says, apart from what is computed (RFC 6376 §3.5). Used during the call only.</summary>
public readonly ref struct DkimSignature
{
    public required DkimAlgorithm Algorithm { get; init; }

    /// <summary>d=: the domain that takes responsibility, in ASCII form.</summary>
    public required ReadOnlySpan<byte> Domain { get; init; }

    /// <summary>s=: under which name below _domainkey the public key stands.</summary>
    public required ReadOnlySpan<byte> Selector { get; init; }

    public required DkimCanonicalization HeaderForm { get; init; }

    public required DkimCanonicalization BodyForm { get; init; }

    /// <summary>bh=: the body's hash in that form.</summary>
    public required ReadOnlySpan<byte> BodyHash { get; init; }

    /// <summary>t=.</summary>
    public required DateTimeOffset Time { get; init; }
}

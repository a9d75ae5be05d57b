namespace Relay.Flow;

/// <summary>A message that waits: its envelope (RFC 5321 §2.3.1) and where each of its recipients stands, as of the moment it was asked.</summary>
public sealed record MessageStatus
{
    /// <summary>As in the 250 to the client.</summary>
    public required string Id { get; init; }

    /// <summary>The reverse-path; empty for a report.</summary>
    public required string From { get; init; }

    public required DateTimeOffset Arrived { get; init; }

    /// <summary>Octets as stored.</summary>
    public required long Size { get; init; }

    /// <summary>When it is given up, unless it is delivered before or held.</summary>
    public required DateTimeOffset Expires { get; init; }

    /// <summary>The address of the client that handed it in; null for mail of the relay's own.</summary>
    public string? Client { get; init; }

    public required string Tenant { get; init; }

    /// <summary>It waits on disk alone until there is room in memory.</summary>
    public bool IsParked { get; init; }

    /// <summary>7BIT, 8BITMIME or BINARYMIME, with SMTPUTF8 behind a blank.</summary>
    public required string Body { get; init; }

    /// <summary>RET and ENVID (RFC 3461), as they came; null without.</summary>
    public string? Return { get; init; }

    public string? EnvelopeId { get; init; }

    /// <summary>BY (RFC 2852): when it should have been delivered, and then notify or return.</summary>
    public DateTimeOffset? DeliverBy { get; init; }

    public string? DeliverByMode { get; init; }

    /// <summary>Before when its sender doesn't want it sent (RFC 4865).</summary>
    public DateTimeOffset? ReleaseAt { get; init; }

    /// <summary>MT-PRIORITY (RFC 6710).</summary>
    public int Priority { get; init; }

    public required IReadOnlyList<RecipientStatus> Recipients { get; init; }

    /// <summary>The header section as stored, its beginning when it is very long; null when it wasn't asked for, or can't be read.</summary>
    public string? Header { get; init; }

    public bool IsHeaderCut { get; init; }
}

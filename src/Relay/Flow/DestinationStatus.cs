namespace Relay.Flow;

/// <summary>What waits for a domain or a configured next hop, and why it isn't gone, as of the moment it was asked.</summary>
public sealed record DestinationStatus
{
    /// <summary>The recipients' domain, or the next hop of a route.</summary>
    public required string Name { get; init; }

    /// <summary>Messages that wait for their time, are ready or are being sent. One to many recipients there counts once for each hundred.</summary>
    public required int Messages { get; init; }

    /// <summary>Those of them that an operator holds.</summary>
    public int OnHold { get; init; }

    /// <summary>The hosts to which it goes; null before they were looked up.</summary>
    public string? Site { get; init; }

    /// <summary>What holds it back, in a word: held (all of it, by an operator), dns, suspended, tls_policy, rate, connections, workers, back_off; none: it is on its way.</summary>
    public required string Limit { get; init; }

    /// <summary>The same in plain words.</summary>
    public required string Why { get; init; }

    /// <summary>When that ends, where it is known.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>The last answer that put mail off, and when it came.</summary>
    public string? LastReply { get; init; }

    public DateTimeOffset? LastReplyAt { get; init; }

    /// <summary>When that mail is tried again.</summary>
    public DateTimeOffset? NextAttempt { get; init; }
}

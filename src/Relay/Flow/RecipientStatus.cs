namespace Relay.Flow;

/// <summary>Where one recipient of a message stands, and why it isn't gone, as of the moment it was asked.</summary>
public sealed record RecipientStatus
{
    public required string Address { get; init; }

    /// <summary>
    /// settled (delivered or given up: the delivery log says which), scheduled (waits for its time), ready (could go now, or is going), held, bouncing or dropping (an operator wants it), parked (on disk alone).
    /// </summary>
    public required string State { get; init; }

    /// <summary>Attempts that have failed so far.</summary>
    public int Attempts { get; init; }

    /// <summary>Null when it isn't planned, or due.</summary>
    public DateTimeOffset? NextAttempt { get; init; }

    /// <summary>The domain or configured next hop that it is queued for, and the hosts to which that goes, where known.</summary>
    public string? Destination { get; init; }

    public string? Site { get; init; }

    /// <summary>What holds it back, in a word: held, parked, release (its sender wants it sent later), back_off, dns, suspended, rate, connections, workers; none.</summary>
    public required string Limit { get; init; }

    /// <summary>The same in plain words, and when that ends, where it is known.</summary>
    public required string Why { get; init; }

    public DateTimeOffset? Until { get; init; }

    /// <summary>The last answer that put mail for this destination off, and when it came.</summary>
    public string? LastReply { get; init; }

    public DateTimeOffset? LastReplyAt { get; init; }

    /// <summary>NOTIFY and ORCPT (RFC 3461), as they came; null without.</summary>
    public string? Notify { get; init; }

    public string? OriginalRecipient { get; init; }
}

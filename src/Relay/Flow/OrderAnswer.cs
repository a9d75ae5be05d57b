namespace Relay.Flow;

/// <summary>What came of an operator's order.</summary>
public sealed record OrderAnswer
{
    /// <summary>Messages for which it is new. What is being sent at that moment counts, and obeys when it comes back undelivered.</summary>
    public required long Messages { get; init; }

    /// <summary>Messages that wait on disk alone and were not looked at; of an order for one message, 1 when it is such.</summary>
    public required long Parked { get; init; }

    /// <summary>The order holds until a restart only, because the spool couldn't write it down; null: it is durable.</summary>
    public string? Failure { get; init; }
}

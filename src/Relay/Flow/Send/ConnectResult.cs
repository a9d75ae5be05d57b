namespace Relay.Flow.Send;

/// <summary>A connection that is ready for MAIL, or why there is none; and the address where that was decided.</summary>
internal readonly record struct ConnectResult(OutboundConnection? Connection, AttemptFailure? Failure, ConnectionKey Tried)
{
    /// <summary>Our own address; null where it didn't come to a connection.</summary>
    public string? From { get; init; }

    /// <summary>Somebody was there, and it came to nothing afterwards: another address of the host may do better.</summary>
    public bool HasAnswered { get; init; }
}

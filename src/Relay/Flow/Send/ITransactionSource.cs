namespace Relay.Flow.Send;

/// <summary>
/// Where a connection gets its messages, and where it says what became of them. One connection's; its calls never overlap.
/// Each transaction that <see cref="Next"/> gives ends exactly once, in <see cref="DoneAsync"/> or <see cref="GiveBack"/>, and isn't touched by the session afterwards.
/// </summary>
internal interface ITransactionSource
{
    /// <summary>The next message for this connection; null when none is ready now, or when this connection has had its share. Asked also while earlier ones wait for their replies.</summary>
    OutboundTransaction? Next();

    /// <summary>Every recipient has its outcome.</summary>
    ValueTask DoneAsync(OutboundTransaction transaction);

    /// <summary>
    /// The message was not handed over, and nothing that happened counts for it, but for recipients that have a final outcome already: the others may be tried on another connection, or at the next host, at once.
    /// </summary>
    void GiveBack(OutboundTransaction transaction);
}

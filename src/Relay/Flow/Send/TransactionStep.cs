namespace Relay.Flow.Send;

/// <summary>What of a transaction is written next.</summary>
internal enum TransactionStep : byte
{
    /// <summary>RSET, where the one before may be open at the server still.</summary>
    Begin,
    Mail,
    Recipients,

    /// <summary>DATA, or the head of the chunk.</summary>
    Data,
    Content,

    /// <summary>Nothing: all is written that is to be.</summary>
    Written,
}

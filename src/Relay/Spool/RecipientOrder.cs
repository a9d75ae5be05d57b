namespace Relay.Spool;

/// <summary>
/// What an operator wants of a recipient that is not final. Durable: it is stored as a time of the next attempt that never comes, so that a relay of before this was known leaves such mail alone too.
/// </summary>
internal enum RecipientOrder : byte
{
    /// <summary>Nothing: it is tried when its time comes.</summary>
    None,

    /// <summary>No attempt until it is released, and no end of its time.</summary>
    Hold,

    /// <summary>To be given up, with a report to the sender.</summary>
    Bounce,

    /// <summary>To be given up, and nobody is told.</summary>
    Drop,
}

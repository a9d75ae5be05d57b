namespace Relay.Flow;

/// <summary>What an attempt came to for one recipient.</summary>
internal enum OutcomeKind : byte
{
    /// <summary>Not decided yet.</summary>
    None,
    Delivered,
    Deferred,
    Failed,

    /// <summary>Given up because an operator wants it, and nobody is told.</summary>
    Dropped,
}

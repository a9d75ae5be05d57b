namespace Relay.Spool;

/// <summary>Where a recipient stands. Stored: the numbers never change.</summary>
internal enum RecipientState : byte
{
    /// <summary>Not settled; deferred when it carries attempts and a next time.</summary>
    Pending = 0,

    Delivered = 1,

    Failed = 2,

    Expired = 3,
}

namespace Relay.Spool;

internal enum SpoolStatus
{
    Healthy,

    /// <summary>No space for new messages; ends by itself when there is.</summary>
    Full,

    /// <summary>A sync or a write failed: nothing is accepted until the relay is restarted.</summary>
    Failed,
}

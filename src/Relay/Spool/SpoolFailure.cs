namespace Relay.Spool;

/// <summary>Why a message was not accepted, from the best answer to the worst.</summary>
internal enum SpoolFailure
{
    None,

    /// <summary>No space: 452 4.3.1.</summary>
    Full,

    /// <summary>The disk failed, or the spool is closed: 451 4.3.0.</summary>
    Failed,
}

namespace Relay.Flow;

/// <summary>What an operator can have done with mail that waits.</summary>
public enum QueueOrder
{
    /// <summary>Tried now, whatever its time is, and whether or not its site is left alone for a while. What is held stays so.</summary>
    Retry,

    /// <summary>Not tried until it is released, over restarts too; its time doesn't end meanwhile.</summary>
    Hold,

    /// <summary>Tried again, at once.</summary>
    Release,

    /// <summary>Given up as undeliverable (5.7.0), with the usual report to the sender.</summary>
    Bounce,

    /// <summary>Given up, and nobody is told but the delivery log.</summary>
    Drop,
}

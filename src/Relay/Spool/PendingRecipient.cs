namespace Relay.Spool;

/// <summary>A recipient that is still to be delivered to after a restart. Without an attempt, the next one was due at arrival.</summary>
internal readonly record struct PendingRecipient(int Recipient, int Attempts, DateTimeOffset NextAttempt)
{
    /// <summary>An operator has said something of it since the last attempt.</summary>
    public bool WasOrdered { get; init; }

    /// <summary>What an operator wants of it.</summary>
    public RecipientOrder Order => RecipientUpdate.OrderOf(NextAttempt.UtcTicks);
}

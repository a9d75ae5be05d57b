namespace Relay.Spool;

/// <summary>A recipient that is still to be delivered to after a restart. Without an attempt, the next one was due at arrival.</summary>
internal readonly record struct PendingRecipient(int Recipient, int Attempts, DateTimeOffset NextAttempt)
{
    /// <summary>What an operator wants of it.</summary>
    public RecipientOrder Order => RecipientUpdate.OrderOf(NextAttempt.UtcTicks);
}

namespace Relay.Spool;

/// <summary>A message during recovery, with what the log says of its recipients.</summary>
internal sealed class ReplayedMessage(SpooledMessage message)
{
    // Most messages have no deferral to remember.
    private Dictionary<int, PendingRecipient>? _deferred;

    internal SpooledMessage Message => message;

    /// <summary>True when the last recipient is settled with this.</summary>
    internal bool Apply(RecipientUpdate[] updates)
    {
        foreach (RecipientUpdate update in updates)
        {
            if ((uint)update.Recipient >= (uint)message.Envelope.RecipientCount)
            {
                continue;
            }

            if (update.State == RecipientState.Pending)
            {
                _deferred ??= [];
                _deferred[update.Recipient] = new PendingRecipient(update.Recipient, update.Attempts, update.NextAttempt);
            }
            else
            {
                message.Settle(update.Recipient);
            }
        }

        return message.Unsettled == 0;
    }

    internal RecoveredMessage Recovered()
    {
        var pending = new PendingRecipient[message.Unsettled];
        int next = 0;
        for (int i = 0; i < message.Envelope.RecipientCount; i++)
        {
            if (!message.IsSettled(i))
            {
                pending[next++] = _deferred is not null && _deferred.TryGetValue(i, out PendingRecipient deferred)
                    ? deferred
                    : new PendingRecipient(i, 0, message.Arrived);
            }
        }

        return new RecoveredMessage(message, pending);
    }
}

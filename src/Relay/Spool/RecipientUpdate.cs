namespace Relay.Spool;

/// <summary>What became of one recipient (its place in the envelope). Attempts and next time matter only while it is pending.</summary>
internal readonly record struct RecipientUpdate(int Recipient, RecipientState State, int Attempts, DateTimeOffset NextAttempt);

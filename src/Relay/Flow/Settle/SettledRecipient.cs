namespace Relay.Flow.Settle;

/// <summary>A recipient that its sender is told of: its place in the envelope and what the attempt came to. <paramref name="IsExpired"/>: not refused, but its time was over.</summary>
internal readonly record struct SettledRecipient(int Recipient, RecipientOutcome Outcome, bool IsExpired);

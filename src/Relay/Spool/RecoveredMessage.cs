namespace Relay.Spool;

/// <summary>An accepted message found at start, with the recipients that are not settled: at least one, in the envelope's order.</summary>
internal sealed record RecoveredMessage(SpooledMessage Message, IReadOnlyList<PendingRecipient> Pending);

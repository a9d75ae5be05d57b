namespace Relay.Spool;

/// <summary>The end of a transaction: either the message, durable, or why there is none.</summary>
internal readonly record struct CommitResult(SpooledMessage? Message, SpoolFailure Failure);

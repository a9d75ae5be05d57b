namespace Relay.Spool;

/// <summary>
/// The end of a transaction: either the message, durable, or why there is none. One that <see cref="IsParked"/> is not the caller's to deliver: it stays on disk alone until there is room for it
/// in memory, and is then given out by <see cref="MessageSpool.ReadBackAsync"/>.
/// </summary>
internal readonly record struct CommitResult(SpooledMessage? Message, SpoolFailure Failure, bool IsParked = false);

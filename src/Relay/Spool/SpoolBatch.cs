namespace Relay.Spool;

/// <summary>One group commit, for metrics: what it held, how long write and sync took, and how long its first message had waited in all.</summary>
internal readonly record struct SpoolBatch(int Messages, int Updates, long Bytes, TimeSpan Sync, TimeSpan Slowest);

namespace Relay.Spool;

/// <summary>A place in the log.</summary>
internal readonly record struct LogPosition(long Segment, long Offset);

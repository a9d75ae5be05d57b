namespace Relay.Spool;

/// <summary>A message that is not gone. Parked: it is on disk alone, this is a copy for looking at, and nothing can be ordered of it.</summary>
internal readonly record struct FoundMessage(SpooledMessage Message, bool IsParked);

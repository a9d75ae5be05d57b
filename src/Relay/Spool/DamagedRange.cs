namespace Relay.Spool;

/// <summary>Bytes of a segment that should be records and are not, with how many records are missing as far as their numbers tell.</summary>
internal readonly record struct DamagedRange(Segment Segment, long Offset, long Length, long Records);

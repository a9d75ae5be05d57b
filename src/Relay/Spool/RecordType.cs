namespace Relay.Spool;

/// <summary>Kinds of log record. Stored: the numbers never change.</summary>
internal enum RecordType : byte
{
    None = 0,
    Message = 1,
    LargeMessage = 2,
    Update = 3,
    Remove = 4,
    Marker = 5,
}

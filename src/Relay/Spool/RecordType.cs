namespace Relay.Spool;

/// <summary>Kinds of log record. Stored: the numbers never change.</summary>
internal enum RecordType : byte
{
    None = 0,
    Message = 1,
    LargeMessage = 2,

    /// <summary>As <see cref="Update"/> and <see cref="Remove"/>, but without the segment they speak about: read, no longer written.</summary>
    EarlierUpdate = 3,
    EarlierRemove = 4,

    Marker = 5,
    Update = 6,
    Remove = 7,

    /// <summary>A message, or a large one, with its state, copied out of an older segment.</summary>
    Moved = 8,
    MovedLarge = 9,
}

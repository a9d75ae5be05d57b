namespace Relay.Spool;

internal enum OpenMode
{
    Existing,

    /// <summary>An existing file that won't be written.</summary>
    ReadOnly,
    CreateNew,
    OpenOrCreate,
}

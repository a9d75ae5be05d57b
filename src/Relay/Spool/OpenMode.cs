namespace Relay.Spool;

internal enum OpenMode
{
    Existing,
    CreateNew,
    OpenOrCreate,
}

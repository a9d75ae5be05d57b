namespace Relay.Spool;

/// <summary>
/// One use of a segment file: recycled, the file goes on as another Segment. <see cref="Live"/> counts the messages in it that are not gone; it is changed with
/// Interlocked and only falls once the committer has moved on.
/// </summary>
internal sealed class Segment(int file, string path, long number, ulong generation, long size)
{
    internal int Live;

    internal int File => file;

    internal string Path => path;

    internal long Number => number;

    internal ulong Generation => generation;

    internal long Size => size;
}

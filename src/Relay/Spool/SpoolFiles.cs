using System.Globalization;
using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// The spool's folder: the names of its files, whole reads and writes, and syncs as far as the durability asks for them. Errors are errnos, 0 is none. Any
/// thread.
/// </summary>
internal sealed class SpoolFiles(IStorage storage, string folder, Durability durability)
{
    internal const string SegmentSuffix = ".seg";
    internal const string IndexSuffix = ".idx";
    internal const string BodySuffix = ".msg";

    internal IStorage Storage => storage;

    internal string Folder => folder;

    internal string LockPath => Path.Combine(folder, "lock");

    internal string SegmentPath(long number) => Path.Combine(folder, number.ToString("D8", CultureInfo.InvariantCulture) + SegmentSuffix);

    internal string IndexPath(long number) => Path.Combine(folder, number.ToString("D8", CultureInfo.InvariantCulture) + IndexSuffix);

    internal string BodyPath(QueueId id) => Path.Combine(folder, id + BodySuffix);

    internal int Sync(int file) => durability == Durability.Sync ? storage.Sync(file) : 0;

    internal int SyncFolder() => SyncOther(folder);

    internal int SyncOther(string path) => durability == Durability.Sync ? storage.SyncDirectory(path) : 0;

    internal int WriteAll(int file, ReadOnlySpan<byte> bytes, long offset)
    {
        while (!bytes.IsEmpty)
        {
            int error = storage.Write(file, bytes, offset, out int written);
            if (error != 0)
            {
                return error;
            }

            if (written <= 0)
            {
                return Errno.InputOutput;
            }

            bytes = bytes[written..];
            offset += written;
        }

        return 0;
    }

    /// <summary>Fills the span as far as the file goes.</summary>
    internal int ReadAll(int file, Span<byte> into, long offset, out int read)
    {
        read = 0;
        while (read < into.Length)
        {
            int error = storage.Read(file, into[read..], offset + read, out int n);
            if (error != 0)
            {
                return error;
            }

            if (n == 0)
            {
                break;
            }

            read += n;
        }

        return 0;
    }
}

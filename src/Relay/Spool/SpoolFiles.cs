using System.Globalization;
using System.Text;
using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// The spool's folder: the names of its files, whole reads and writes, and syncs as far as the durability asks for them. Errors are errnos, 0 is none. Any
/// thread, but for opening and closing the folder, between which its names can be synced.
/// </summary>
internal sealed class SpoolFiles(IStorage storage, string folder, Durability durability)
{
    internal const string SegmentSuffix = ".seg";
    internal const string IndexSuffix = ".idx";
    internal const string BodySuffix = ".msg";

    private int _folder = -1;

    internal IStorage Storage => storage;

    internal string Folder => folder;

    internal string LockPath => Path.Combine(folder, "lock");

    internal string SegmentPath(long number) => Path.Combine(folder, number.ToString("D8", CultureInfo.InvariantCulture) + SegmentSuffix);

    internal string IndexPath(long number) => Path.Combine(folder, number.ToString("D8", CultureInfo.InvariantCulture) + IndexSuffix);

    /// <summary>For each large message twice: made without strings in between.</summary>
    internal string BodyPath(QueueId id)
    {
        Span<byte> text = stackalloc byte[QueueId.TextLength];
        id.TryFormat(text, out _);
        Span<char> name = stackalloc char[QueueId.TextLength + BodySuffix.Length];
        Encoding.ASCII.GetChars(text, name);
        BodySuffix.CopyTo(name[QueueId.TextLength..]);
        return Path.Join(folder, name);
    }

    internal int Sync(int file) => durability == Durability.Sync ? storage.Sync(file) : 0;

    /// <summary>Held as long as the spool is open: a sync of the names that needed a descriptor would fail, and fail the spool, just because there are too many clients.</summary>
    internal int OpenFolder() => storage.OpenDirectory(folder, out _folder);

    internal void CloseFolder() => storage.Close(_folder);

    internal int SyncFolder() => durability == Durability.Sync ? storage.SyncDirectory(_folder) : 0;

    /// <summary>Makes the names in another folder durable.</summary>
    internal int SyncOther(string path)
    {
        if (durability != Durability.Sync)
        {
            return 0;
        }

        int error = storage.OpenDirectory(path, out int other);
        if (error == 0)
        {
            error = storage.SyncDirectory(other);
            storage.Close(other);
        }

        return error;
    }

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

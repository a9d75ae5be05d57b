using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>A disk with something to be done when octets are written, and before and after each sync of a file, outside its lock: whoever writes or syncs waits for that.</summary>
internal sealed class SyncedStorage(IStorage disk, SyncedStorage.Writing writing, Action before, Action after) : IStorage
{
    public delegate void Writing(ReadOnlySpan<byte> octets);

    public int CreateDirectory(string path) => disk.CreateDirectory(path);

    public int List(string path, List<string> names) => disk.List(path, names);

    public int Open(string path, OpenMode mode, out int file) => disk.Open(path, mode, out file);

    public int Close(int file) => disk.Close(file);

    public int Length(int file, out long length) => disk.Length(file, out length);

    public int Read(int file, Span<byte> into, long offset, out int read) => disk.Read(file, into, offset, out read);

    public int Write(int file, ReadOnlySpan<byte> bytes, long offset, out int written)
    {
        writing(bytes);
        return disk.Write(file, bytes, offset, out written);
    }

    public int Sync(int file)
    {
        before();
        int error = disk.Sync(file);
        after();
        return error;
    }

    public int OpenDirectory(string path, out int folder) => disk.OpenDirectory(path, out folder);

    public int SyncDirectory(int folder) => disk.SyncDirectory(folder);

    public int Free(string path, out long octets) => disk.Free(path, out octets);

    public int Allocate(int file, long length) => disk.Allocate(file, length);

    public int Rename(string from, string to) => disk.Rename(from, to);

    public int Unlink(string path) => disk.Unlink(path);

    public int Lock(int file) => disk.Lock(file);
}

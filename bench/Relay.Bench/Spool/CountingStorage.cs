using Relay.Spool;

namespace Relay.Bench.Spool;

/// <summary>The disk, with its syncs counted.</summary>
internal sealed class CountingStorage : IStorage
{
    private readonly DiskStorage _disk = new();
    private long _syncs;

    public long Syncs => Interlocked.Read(ref _syncs);

    public int CreateDirectory(string path) => _disk.CreateDirectory(path);

    public int List(string path, List<string> names) => _disk.List(path, names);

    public int Open(string path, OpenMode mode, out int file) => _disk.Open(path, mode, out file);

    public int Close(int file) => _disk.Close(file);

    public int Length(int file, out long length) => _disk.Length(file, out length);

    public int Read(int file, Span<byte> into, long offset, out int read) => _disk.Read(file, into, offset, out read);

    public int Write(int file, ReadOnlySpan<byte> bytes, long offset, out int written) => _disk.Write(file, bytes, offset, out written);

    public int Sync(int file)
    {
        Interlocked.Increment(ref _syncs);
        return _disk.Sync(file);
    }

    public int OpenDirectory(string path, out int folder) => _disk.OpenDirectory(path, out folder);

    public int SyncDirectory(int folder)
    {
        Interlocked.Increment(ref _syncs);
        return _disk.SyncDirectory(folder);
    }

    public int Free(string path, out long octets) => _disk.Free(path, out octets);

    public int Allocate(int file, long length) => _disk.Allocate(file, length);

    public int Rename(string from, string to) => _disk.Rename(from, to);

    public int Unlink(string path) => _disk.Unlink(path);

    public int Lock(int file) => _disk.Lock(file);
}

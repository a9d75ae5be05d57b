using Relay.Spool;

namespace Relay.Testing;

/// <summary>A disk whose every call is a copy in memory: for measuring and fuzzing what stands on it. It never fails and never syncs anything. Any thread.</summary>
internal sealed class MemoryStorage : IStorage
{
    private const int BadFile = 9;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Content> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<int, Content> _open = [];
    private int _nextFile = 3;

    public int CreateDirectory(string path)
    {
        lock (_gate)
        {
            return _names.TryAdd(path, new Content()) ? 0 : Errno.Exists;
        }
    }

    public int List(string path, List<string> names)
    {
        lock (_gate)
        {
            names.AddRange(_names.Keys.Where(n => Path.GetDirectoryName(n) == path).Select(static n => Path.GetFileName(n)));
            return 0;
        }
    }

    public int Open(string path, OpenMode mode, out int file)
    {
        lock (_gate)
        {
            file = -1;
            bool there = _names.TryGetValue(path, out Content? content);
            if (there ? mode == OpenMode.CreateNew : mode == OpenMode.Existing)
            {
                return there ? Errno.Exists : Errno.NotFound;
            }

            file = _nextFile++;
            _open[file] = _names[path] = content ?? new Content();
            return 0;
        }
    }

    public int Close(int file)
    {
        lock (_gate)
        {
            return _open.Remove(file) ? 0 : BadFile;
        }
    }

    public int Length(int file, out long length)
    {
        lock (_gate)
        {
            length = _open[file].Length;
            return 0;
        }
    }

    public int Read(int file, Span<byte> into, long offset, out int read)
    {
        lock (_gate)
        {
            Content content = _open[file];
            read = (int)Math.Clamp(content.Length - offset, 0, into.Length);
            content.Bytes.AsSpan((int)Math.Min(offset, content.Length), read).CopyTo(into);
            return 0;
        }
    }

    public int Write(int file, ReadOnlySpan<byte> bytes, long offset, out int written)
    {
        lock (_gate)
        {
            Content content = _open[file];
            content.Extend((int)offset + bytes.Length);
            bytes.CopyTo(content.Bytes.AsSpan((int)offset));
            written = bytes.Length;
            return 0;
        }
    }

    public int Allocate(int file, long length)
    {
        lock (_gate)
        {
            _open[file].Extend((int)length);
            return 0;
        }
    }

    public int Free(string path, out long octets)
    {
        octets = long.MaxValue;
        return 0;
    }

    public int Rename(string from, string to)
    {
        lock (_gate)
        {
            return _names.Remove(from, out Content? content) && (_names[to] = content) == content ? 0 : Errno.NotFound;
        }
    }

    public int Unlink(string path)
    {
        lock (_gate)
        {
            return _names.Remove(path) ? 0 : Errno.NotFound;
        }
    }

    public int Sync(int file) => 0;

    public int OpenDirectory(string path, out int folder)
    {
        folder = 0;
        return 0;
    }

    public int SyncDirectory(int folder) => 0;

    public int Lock(int file) => 0;

    private sealed class Content
    {
        public byte[] Bytes { get; private set; } = [];

        public int Length { get; private set; }

        public void Extend(int length)
        {
            if (length > Bytes.Length)
            {
                byte[] bytes = Bytes;
                Array.Resize(ref bytes, Math.Max(length, 2 * bytes.Length));
                Bytes = bytes;
            }

            Length = Math.Max(Length, length);
        }
    }
}

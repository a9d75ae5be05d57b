using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>
/// A disk in memory that fails on request and can lose power. It keeps what was written apart from what was synced: <see cref="Crash"/> gives the disk as a
/// power cut may leave it,
/// with any subset of unsynced sectors and any prefix of unsynced changes of names. A failed sync forgets the pages, as the kernel does.
/// </summary>
internal sealed class FaultyStorage : IStorage
{
    public const long Plenty = long.MaxValue / 2;

    private const int Sector = 512;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Node> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Node> _durableNames = new(StringComparer.Ordinal);
    private readonly List<(string Folder, Action<Dictionary<string, Node>> Apply)> _nameChanges = [];
    private readonly Dictionary<int, (Node Node, string Path)> _open = [];
    private readonly List<string> _calls = [];
    private int _nextFile = 3;
    private long _space = Plenty;

    /// <summary>Asked before each call with its name and path; an errno other than 0 is the call's answer.</summary>
    public Func<string, string, int>? Fault { get; set; }

    /// <summary>Most octets one Write takes; the rest is left to the caller.</summary>
    public int ShortWrite { get; set; } = int.MaxValue;

    public int Syncs { get; private set; }

    /// <summary>The calls so far, each with the name of its file.</summary>
    public List<string> Calls()
    {
        lock (_gate)
        {
            return [.. _calls];
        }
    }

    public void ForgetCalls()
    {
        lock (_gate)
        {
            _calls.Clear();
        }
    }

    /// <summary>Octets new files may still take.</summary>
    public void SetSpace(long octets)
    {
        lock (_gate)
        {
            _space = octets;
        }
    }

    public IReadOnlyList<string> Names(string folder)
    {
        lock (_gate)
        {
            return _names.Keys.Where(n => Path.GetDirectoryName(n) == folder).Select(n => Path.GetFileName(n)!).ToList();
        }
    }

    /// <summary>Flips bits in place, on the platter as well.</summary>
    public void Damage(string path, long offset, int length)
    {
        lock (_gate)
        {
            for (int i = 0; i < length; i++)
            {
                _names[path].Current[(int)offset + i] ^= 0x5A;
                _names[path].Durable[(int)offset + i] ^= 0x5A;
            }
        }
    }

    public byte[] Content(string path)
    {
        lock (_gate)
        {
            return _names[path].Current.ToArray();
        }
    }

    /// <summary>The disk after a power cut now. Without a random source exactly what was synced is left.</summary>
    public FaultyStorage Crash(Random? random)
    {
        lock (_gate)
        {
            var after = new FaultyStorage();
            var names = new Dictionary<string, Node>(_durableNames, StringComparer.Ordinal);
            int kept = random is null ? 0 : random.Next(_nameChanges.Count + 1);
            foreach ((_, Action<Dictionary<string, Node>> apply) in _nameChanges.Take(kept))
            {
                apply(names);
            }

            foreach ((string path, Node node) in names)
            {
                Node copy = node.AfterCrash(random, Sector);
                after._names[path] = copy;
                after._durableNames[path] = copy;
            }

            return after;
        }
    }

    public int CreateDirectory(string path)
    {
        lock (_gate)
        {
            if (Failed("mkdir", path) is var error and not 0)
            {
                return error;
            }

            if (_names.ContainsKey(path))
            {
                return Errno.Exists;
            }

            Change(path, path, new Node { IsFolder = true });
            return 0;
        }
    }

    public int List(string path, List<string> names)
    {
        names.AddRange(Names(path));
        return 0;
    }

    public int Open(string path, OpenMode mode, out int file)
    {
        lock (_gate)
        {
            file = -1;
            if (Failed("open", path) is var error and not 0)
            {
                return error;
            }

            if (_names.TryGetValue(Path.GetDirectoryName(path)!, out Node? folder) && !folder.IsFolder)
            {
                return Errno.NotDirectory;
            }

            bool there = _names.TryGetValue(path, out Node? node);
            if (there && mode == OpenMode.CreateNew)
            {
                return Errno.Exists;
            }

            if (!there && mode is OpenMode.Existing or OpenMode.ReadOnly)
            {
                return Errno.NotFound;
            }

            if (node is null)
            {
                node = new Node();
                Change(path, path, node);
            }

            file = _nextFile++;
            _open[file] = (node, path);
            return 0;
        }
    }

    public int Close(int file)
    {
        lock (_gate)
        {
            return _open.Remove(file) ? 0 : 9;
        }
    }

    public int Length(int file, out long length)
    {
        lock (_gate)
        {
            length = _open[file].Node.Current.Count;
            return 0;
        }
    }

    public int Read(int file, Span<byte> into, long offset, out int read)
    {
        lock (_gate)
        {
            read = 0;
            if (!_open.TryGetValue(file, out (Node Node, string Path) open))
            {
                return 9;
            }

            if (Failed("read", open.Path) is var error and not 0)
            {
                return error;
            }

            read = (int)Math.Clamp(open.Node.Current.Count - offset, 0, into.Length);
            System.Runtime.InteropServices.CollectionsMarshal.AsSpan(open.Node.Current).Slice((int)Math.Min(offset, open.Node.Current.Count), read).CopyTo(into);
            return 0;
        }
    }

    public int Write(int file, ReadOnlySpan<byte> bytes, long offset, out int written)
    {
        lock (_gate)
        {
            written = 0;
            (Node node, string path) = _open[file];
            if (Failed("write", path) is var error and not 0)
            {
                return error;
            }

            bytes = bytes[..Math.Min(bytes.Length, ShortWrite)];
            long grown = Math.Max(0, offset + bytes.Length - node.Current.Count);
            if (grown > _space)
            {
                return Errno.NoSpace;
            }

            _space -= grown;
            node.Write(bytes, (int)offset);
            written = bytes.Length;
            return 0;
        }
    }

    public int Sync(int file)
    {
        lock (_gate)
        {
            (Node node, string path) = _open[file];
            Syncs++;
            if (Failed("sync", path) is var error and not 0)
            {
                // The pages are marked clean although they never reached the disk.
                node.Unsynced.Clear();
                return error;
            }

            node.Sync();
            return 0;
        }
    }

    public int OpenDirectory(string path, out int folder)
    {
        lock (_gate)
        {
            folder = -1;
            if (Failed("open", path) is var error and not 0)
            {
                return error;
            }

            folder = _nextFile++;
            _open[folder] = (new Node { IsFolder = true }, path);
            return 0;
        }
    }

    public int SyncDirectory(int folder)
    {
        lock (_gate)
        {
            string path = _open[folder].Path;
            Syncs++;
            if (Failed("syncdir", path) is var error and not 0)
            {
                return error;
            }

            foreach ((_, Action<Dictionary<string, Node>> apply) in _nameChanges.Where(c => c.Folder == path))
            {
                apply(_durableNames);
            }

            _nameChanges.RemoveAll(c => c.Folder == path);
            return 0;
        }
    }

    public int Free(string path, out long octets)
    {
        lock (_gate)
        {
            octets = _space;
            return Failed("free", path);
        }
    }

    public int Allocate(int file, long length)
    {
        lock (_gate)
        {
            return length > _space ? Errno.NoSpace : Failed("allocate", _open[file].Path);
        }
    }

    public int Rename(string from, string to)
    {
        lock (_gate)
        {
            if (Failed("rename", from) is var error and not 0)
            {
                return error;
            }

            if (!_names.TryGetValue(from, out Node? node))
            {
                return Errno.NotFound;
            }

            _names.Remove(from);
            _names[to] = node;
            _nameChanges.Add((Path.GetDirectoryName(from)!, names =>
            {
                names.Remove(from);
                names[to] = node;
            }));
            return 0;
        }
    }

    public int Unlink(string path)
    {
        lock (_gate)
        {
            if (Failed("unlink", path) is var error and not 0)
            {
                return error;
            }

            if (!_names.Remove(path, out Node? node))
            {
                return Errno.NotFound;
            }

            _space += node.Current.Count;
            _nameChanges.Add((Path.GetDirectoryName(path)!, names => names.Remove(path)));
            return 0;
        }
    }

    public int Lock(int file) => 0;

    private int Failed(string call, string path)
    {
        _calls.Add($"{call} {Path.GetFileName(path)}");
        return Fault?.Invoke(call, path) ?? 0;
    }

    private void Change(string path, string name, Node node)
    {
        _names[path] = node;
        _nameChanges.Add((Path.GetDirectoryName(path)!, names => names[name] = node));
    }

    private sealed class Node
    {
        public bool IsFolder { get; init; }

        public List<byte> Current { get; private init; } = [];

        public List<byte> Durable { get; private init; } = [];

        public List<(int Offset, byte[] Bytes)> Unsynced { get; } = [];

        public void Write(ReadOnlySpan<byte> bytes, int offset)
        {
            Put(Current, bytes, offset);
            Unsynced.Add((offset, bytes.ToArray()));
        }

        public void Sync()
        {
            foreach ((int offset, byte[] bytes) in Unsynced)
            {
                Put(Durable, bytes, offset);
            }

            Unsynced.Clear();
        }

        public Node AfterCrash(Random? random, int sector)
        {
            var left = new List<byte>(Durable);
            // All, nothing, or sector by sector: the extremes are the likely ones.
            int luck = random?.Next(4) ?? 0;
            foreach ((int offset, byte[] bytes) in Unsynced)
            {
                for (int at = 0; at < bytes.Length;)
                {
                    int length = Math.Min(sector - ((offset + at) % sector), bytes.Length - at);
                    if (luck == 1 || (luck > 1 && random!.Next(luck) == 0))
                    {
                        Put(left, bytes.AsSpan(at, length), offset + at);
                    }

                    at += length;
                }
            }

            return new Node { IsFolder = IsFolder, Current = [.. left], Durable = left };
        }

        private static void Put(List<byte> content, ReadOnlySpan<byte> bytes, int offset)
        {
            if (content.Count < offset + bytes.Length)
            {
                System.Runtime.InteropServices.CollectionsMarshal.SetCount(content, offset + bytes.Length);
            }

            bytes.CopyTo(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(content)[offset..]);
        }
    }
}

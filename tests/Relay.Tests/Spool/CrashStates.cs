using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>
/// The disk, with every change recorded in its order, so that afterwards the folder can be made as a power cut at any moment may have left it (the method of ALICE, OSDI '14):
/// of the writes that no sync had covered any subset, cut into sectors; of the changes of names that no sync of the folder had covered any prefix; a file's length with or
/// without its content. Any thread.
/// </summary>
internal sealed class CrashStates : IStorage
{
    private const int Sector = 512;

    private readonly DiskStorage _disk = new();
    private readonly Lock _gate = new();
    private readonly List<Change> _changes = [];
    private readonly Dictionary<int, int> _inodes = [];
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private int _nextInode;

    private enum Kind
    {
        Link,
        Unlink,
        Rename,
        Write,
        Length,
        Sync,
        SyncFolder,
        Mark,
    }

    /// <summary>Syncs that are left out of the record: the negative control, a relay that forgets them.</summary>
    public bool ForgetSyncs { get; set; }

    /// <summary>How many changes there are so far.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _changes.Count;
            }
        }
    }

    /// <summary>Notes a moment: what is true from here on.</summary>
    public int Mark()
    {
        lock (_gate)
        {
            _changes.Add(new Change(Kind.Mark, 0, "", "", 0, []));
            return _changes.Count;
        }
    }

    /// <summary>
    /// Makes a folder as a cut behind so many changes may have left it. <paramref name="luck"/> decides for each piece that was not synced whether it is there: all, none, or a
    /// share of them.
    /// </summary>
    public void Materialise(int moment, double luck, Random random, string folder)
    {
        lock (_gate)
        {
            List<Change> past = _changes[..moment];
            int lastFolderSync = past.FindLastIndex(change => change.Kind == Kind.SyncFolder);
            List<Change> names = [.. past.Where((change, i) => i > lastFolderSync && change.Kind is Kind.Link or Kind.Unlink or Kind.Rename)];
            int kept = luck >= 1 ? names.Count : luck <= 0 ? 0 : random.Next(names.Count + 1);
            var files = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach (Change change in past.Where((change, i) => i <= lastFolderSync).Concat(names.Take(kept)))
            {
                Apply(change, files);
            }

            foreach ((string name, int inode) in files)
            {
                File.WriteAllBytes(Path.Combine(folder, name), Content(past, inode, luck, random));
            }
        }
    }

    public int CreateDirectory(string path) => _disk.CreateDirectory(path);

    public int List(string path, List<string> names) => _disk.List(path, names);

    public int Open(string path, OpenMode mode, out int file)
    {
        lock (_gate)
        {
            int error = _disk.Open(path, mode, out file);
            if (error != 0)
            {
                return error;
            }

            string name = Path.GetFileName(path);
            if (!_names.TryGetValue(name, out int inode))
            {
                inode = _names[name] = _nextInode++;
                Add(Kind.Link, inode, name);
            }

            _inodes[file] = inode;
            return 0;
        }
    }

    public int Close(int file)
    {
        lock (_gate)
        {
            _inodes.Remove(file);
            return _disk.Close(file);
        }
    }

    public int Length(int file, out long length) => _disk.Length(file, out length);

    public int Read(int file, Span<byte> into, long offset, out int read) => _disk.Read(file, into, offset, out read);

    public int Write(int file, ReadOnlySpan<byte> bytes, long offset, out int written)
    {
        lock (_gate)
        {
            int error = _disk.Write(file, bytes, offset, out written);
            if (error == 0)
            {
                _changes.Add(new Change(Kind.Write, _inodes[file], "", "", offset, bytes[..written].ToArray()));
            }

            return error;
        }
    }

    public int Sync(int file)
    {
        int inode;
        lock (_gate)
        {
            inode = _inodes[file];
        }

        int error = _disk.Sync(file);
        lock (_gate)
        {
            if (error == 0 && !ForgetSyncs)
            {
                _changes.Add(new Change(Kind.Sync, inode, "", "", 0, []));
            }
        }

        return error;
    }

    public int OpenDirectory(string path, out int folder) => _disk.OpenDirectory(path, out folder);

    public int SyncDirectory(int folder)
    {
        int error = _disk.SyncDirectory(folder);
        lock (_gate)
        {
            if (error == 0 && !ForgetSyncs)
            {
                Add(Kind.SyncFolder, 0, "");
            }
        }

        return error;
    }

    public int Free(string path, out long octets) => _disk.Free(path, out octets);

    public int Allocate(int file, long length)
    {
        lock (_gate)
        {
            int error = _disk.Allocate(file, length);
            if (error == 0)
            {
                _changes.Add(new Change(Kind.Length, _inodes[file], "", "", length, []));
            }

            return error;
        }
    }

    public int Rename(string from, string to)
    {
        lock (_gate)
        {
            int error = _disk.Rename(from, to);
            if (error == 0)
            {
                _names.Remove(Path.GetFileName(from), out int inode);
                _names[Path.GetFileName(to)] = inode;
                _changes.Add(new Change(Kind.Rename, inode, Path.GetFileName(from), Path.GetFileName(to), 0, []));
            }

            return error;
        }
    }

    public int Unlink(string path)
    {
        lock (_gate)
        {
            int error = _disk.Unlink(path);
            if (error == 0)
            {
                _names.Remove(Path.GetFileName(path), out int inode);
                Add(Kind.Unlink, inode, Path.GetFileName(path));
            }

            return error;
        }
    }

    public int Lock(int file) => _disk.Lock(file);

    private static void Apply(Change change, Dictionary<string, int> files)
    {
        switch (change.Kind)
        {
            case Kind.Link:
                files[change.Name] = change.Inode;
                break;
            case Kind.Unlink:
                files.Remove(change.Name);
                break;
            case Kind.Rename:
                files.Remove(change.Name);
                files[change.NewName] = change.Inode;
                break;
            default:
                break;
        }
    }

    /// <summary>All that a sync covered, and of the rest what luck leaves, sector by sector. A length may be there without what was written into it: then there are zeros.</summary>
    private static byte[] Content(List<Change> past, int inode, double luck, Random random)
    {
        int synced = past.FindLastIndex(change => change.Kind == Kind.Sync && change.Inode == inode);
        byte[] bytes = new byte[past.Where(change => change.Inode == inode).Select(change => change.Kind switch
        {
            Kind.Write => (int)change.Offset + change.Bytes.Length,
            Kind.Length => (int)change.Offset,
            _ => 0,
        }).DefaultIfEmpty().Max()];
        int length = 0;
        for (int i = 0; i < past.Count; i++)
        {
            Change change = past[i];
            if (change.Inode != inode || change.Kind is not (Kind.Write or Kind.Length))
            {
                continue;
            }

            bool sure = i < synced;
            if (change.Kind == Kind.Length)
            {
                length = sure || Lucky() ? Math.Max(length, (int)change.Offset) : length;
                continue;
            }

            for (int at = 0; at < change.Bytes.Length;)
            {
                int start = (int)change.Offset + at;
                int n = Math.Min(Sector - (start % Sector), change.Bytes.Length - at);
                bool there = sure || Lucky();
                if (there)
                {
                    change.Bytes.AsSpan(at, n).CopyTo(bytes.AsSpan(start));
                }

                if (there || Lucky())
                {
                    length = Math.Max(length, start + n);
                }

                at += n;
            }
        }

        return bytes[..length];

        bool Lucky() => luck >= 1 || (luck > 0 && random.NextDouble() < luck);
    }

    private void Add(Kind kind, int inode, string name) => _changes.Add(new Change(kind, inode, name, "", 0, []));

    private sealed record Change(Kind Kind, int Inode, string Name, string NewName, long Offset, byte[] Bytes);
}

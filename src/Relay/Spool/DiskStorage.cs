using System.Runtime.InteropServices;

namespace Relay.Spool;

/// <summary>The disk, by system calls. Stateless; one instance serves all.</summary>
internal sealed unsafe class DiskStorage : IStorage
{
    private const uint OwnerOnly = 0x180; // 0600
    private const uint OwnerOnlyFolder = 0x1C0; // 0700

    public int CreateDirectory(string path)
    {
        int error = MakeDirectory(path);
        if (error == Errno.NotFound && Path.GetDirectoryName(path) is { Length: > 0 } parent)
        {
            error = CreateDirectory(parent);
            if (error == 0 && Path.GetDirectoryName(parent) is { Length: > 0 } above)
            {
                error = OpenDirectory(above, out int folder);
                if (error == 0)
                {
                    error = SyncDirectory(folder);
                    Close(folder);
                }
            }

            return error is 0 or Errno.Exists ? MakeDirectory(path) : error;
        }

        return error;
    }

    public int List(string path, List<string> names)
    {
        try
        {
            foreach (string entry in Directory.EnumerateFileSystemEntries(path))
            {
                names.Add(Path.GetFileName(entry));
            }

            return 0;
        }
        catch (DirectoryNotFoundException)
        {
            return Errno.NotFound;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Errno.InputOutput;
        }
    }

    public int Open(string path, OpenMode mode, out int file)
    {
        // Without O_NONBLOCK a FIFO under the name of a segment would hold up the start for ever.
        int flags = (mode == OpenMode.ReadOnly ? Libc.ReadOnly : Libc.ReadWrite) | Libc.CloseOnExec | Libc.NoFollow | Libc.NonBlocking | mode switch
        {
            OpenMode.CreateNew => Libc.Create | Libc.Exclusive,
            OpenMode.OpenOrCreate => Libc.Create,
            _ => 0,
        };
        int error;
        do
        {
            file = Libc.Open(path, flags, OwnerOnly);
            error = file >= 0 ? 0 : Marshal.GetLastPInvokeError();
        }
        while (error == Errno.Interrupted);
        if (error != 0)
        {
            return error;
        }

        // Pipes and terminals don't seek.
        if (Libc.Seek(file, 0, Libc.SeekEnd) < 0)
        {
            error = Marshal.GetLastPInvokeError();
            Close(file);
            file = -1;
        }

        return error;
    }

    // close is not retried after EINTR: on Linux the descriptor is gone by then, and perhaps somebody else's.
    public int Close(int file) => Libc.Close(file) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public int Length(int file, out long length)
    {
        length = Libc.Seek(file, 0, Libc.SeekEnd);
        return length >= 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    public int Read(int file, Span<byte> into, long offset, out int read)
    {
        fixed (byte* at = into)
        {
            while (true)
            {
                nint n = Libc.Read(file, at, (nuint)into.Length, offset);
                int error = n >= 0 ? 0 : Marshal.GetLastPInvokeError();
                if (error != Errno.Interrupted)
                {
                    read = (int)Math.Max(n, 0);
                    return error;
                }
            }
        }
    }

    public int Write(int file, ReadOnlySpan<byte> bytes, long offset, out int written)
    {
        fixed (byte* at = bytes)
        {
            while (true)
            {
                nint n = Libc.Write(file, at, (nuint)bytes.Length, offset);
                int error = n >= 0 ? 0 : Marshal.GetLastPInvokeError();
                if (error != Errno.Interrupted)
                {
                    written = (int)Math.Max(n, 0);
                    return error;
                }
            }
        }
    }

    public int Sync(int file)
    {
        int error;
        do
        {
            error = Libc.SyncData(file) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
        while (error == Errno.Interrupted);
        return error;
    }

    public int OpenDirectory(string path, out int folder)
    {
        int error;
        do
        {
            folder = Libc.Open(path, Libc.ReadOnly | Libc.Directory | Libc.CloseOnExec, 0);
            error = folder >= 0 ? 0 : Marshal.GetLastPInvokeError();
        }
        while (error == Errno.Interrupted);
        return error;
    }

    public int SyncDirectory(int folder)
    {
        int error;
        do
        {
            error = Libc.Sync(folder) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
        while (error == Errno.Interrupted);
        return error;
    }

    public int Free(string path, out long octets)
    {
        ulong* answer = stackalloc ulong[Libc.FileSystemWords];
        octets = 0;
        if (Libc.FileSystem(path, answer) != 0)
        {
            return Marshal.GetLastPInvokeError();
        }

        // Where files are not counted (btrfs), both numbers are 0.
        bool noFile = answer[Libc.FreeFiles] == 0 && answer[Libc.Files] != 0;
        octets = noFile ? 0 : (long)Math.Min(answer[Libc.FreeBlocks] * answer[Libc.FragmentSize], long.MaxValue);
        return 0;
    }

    public int Allocate(int file, long length)
    {
        int error;
        do
        {
            error = Libc.Allocate(file, 0, 0, length) == 0 ? 0 : Marshal.GetLastPInvokeError();
        }
        while (error == Errno.Interrupted);
        // Where a file system can't reserve, the zero-filling that follows takes the space.
        return error == Errno.NotSupported ? 0 : error;
    }

    public int Rename(string from, string to) => Libc.Rename(from, to) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public int Unlink(string path) => Libc.Unlink(path) == 0 ? 0 : Marshal.GetLastPInvokeError();

    public int Lock(int file) => Libc.Lock(file, Libc.LockExclusiveNow) == 0 ? 0 : Marshal.GetLastPInvokeError();

    private static int MakeDirectory(string path) => Libc.MakeDirectory(path, OwnerOnlyFolder) == 0 ? 0 : Marshal.GetLastPInvokeError();
}

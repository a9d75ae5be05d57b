namespace Relay.Spool;

/// <summary>
/// The file system as the spool needs it, call by call. Every call returns 0 or an errno: what the disk does is a value. Calls are retried only when a
/// signal interrupted them. Any thread; a file is a descriptor that its opener closes. Two implementations: the disk, and one in the tests that fails and crashes.
/// </summary>
internal interface IStorage
{
    /// <summary>Makes the folder and its parents with mode 0700; EEXIST when it was there.</summary>
    int CreateDirectory(string path);

    /// <summary>Adds the names of all entries.</summary>
    int List(string path, List<string> names);

    /// <summary>Opens a regular file for reading and, but for ReadOnly, writing; never through a link. Other kinds of file are refused.</summary>
    int Open(string path, OpenMode mode, out int file);

    int Close(int file);

    int Length(int file, out long length);

    /// <summary>One pread: may read less than asked for, and nothing at the end.</summary>
    int Read(int file, Span<byte> into, long offset, out int read);

    /// <summary>One pwrite: may write less than asked for.</summary>
    int Write(int file, ReadOnlySpan<byte> bytes, long offset, out int written);

    /// <summary>Makes content and length durable (fdatasync). After an error the content is lost; a second call proves nothing.</summary>
    int Sync(int file);

    /// <summary>Opens a folder for <see cref="SyncDirectory"/>.</summary>
    int OpenDirectory(string path, out int folder);

    /// <summary>Makes the names in an open folder durable (fsync).</summary>
    int SyncDirectory(int folder);

    /// <summary>Octets that new files in a folder may still take; 0 when no file can be made any more.</summary>
    int Free(string path, out long octets);

    /// <summary>Reserves space for a new file.</summary>
    int Allocate(int file, long length);

    int Rename(string from, string to);

    int Unlink(string path);

    /// <summary>Takes the exclusive lock of an open file without waiting; EWOULDBLOCK when another process has it.</summary>
    int Lock(int file);
}

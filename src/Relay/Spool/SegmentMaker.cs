using System.Security.Cryptography;

namespace Relay.Spool;

/// <summary>
/// Makes segment files fit for use: new ones zero-filled, old ones with a new header; either way durable, name included, before a record is written. One
/// thread at a time.
/// Returns errnos and names the step that failed; a failed sync is final for the spool, whoever sees it.
/// </summary>
internal sealed class SegmentMaker(SpoolFiles files, int segmentSize, long lastNumber, QueueIds ids)
{
    private const int ZeroFill = 256 * 1024;

    // Synced in pieces, so that the committer's syncs don't queue behind 64 MiB of zeros.
    private const int SyncEvery = 8 * 1024 * 1024;

    private readonly IStorage _storage = files.Storage;
    private long _lastNumber = lastNumber;

    internal int SegmentSize => segmentSize;

    internal bool CanRecycle(Segment segment) => segment.Size == segmentSize;

    /// <summary>A new file. What is there when it fails for want of space is removed again.</summary>
    internal int Make(out Segment? made, out string step)
    {
        made = null;
        long number = _lastNumber + 1;
        string path = files.SegmentPath(number);
        step = $"making {path}";
        int error = _storage.Open(path, OpenMode.CreateNew, out int file);
        if (error == Errno.Exists)
        {
            // Not one of ours, or recovery would have counted it: step over it.
            _lastNumber = number;
            return Make(out made, out step);
        }

        if (error != 0)
        {
            return error;
        }

        error = Fill(file, ref step);
        if (error == 0)
        {
            error = Begin(file, number, path, ref step, out made);
        }

        if (error != 0)
        {
            _storage.Close(file);
            _storage.Unlink(path);
        }

        return error;
    }

    /// <summary>The same file under its next number. Its old content ends to exist with the new header.</summary>
    internal int Recycle(Segment old, out Segment? made, out string step)
    {
        made = null;
        long number = _lastNumber + 1;
        string path = files.SegmentPath(number);
        step = $"recycling {old.Path}";
        ulong generation = NewGeneration(number);
        int error = WriteHeader(old.File, generation, number);
        if (error == 0)
        {
            _lastNumber = number;
            step = $"syncing {old.Path}";
            error = Final(files.Sync(old.File));
        }

        if (error == 0)
        {
            step = $"renaming {old.Path}";
            error = _storage.Rename(old.Path, path);
        }

        if (error == 0)
        {
            step = $"syncing {files.Folder}";
            error = Final(files.SyncFolder());
        }

        if (error == 0)
        {
            made = new Segment(old.File, path, number, generation, segmentSize);
            RemoveIndex(old);
        }

        return error;
    }

    /// <summary>Durably, before another one goes: its messages' settlements may lie there.</summary>
    internal int Remove(Segment old, out string step)
    {
        step = $"removing {old.Path}";
        int error = _storage.Unlink(old.Path);
        if (error is not (0 or Errno.NotFound))
        {
            return error;
        }

        RemoveIndex(old);
        step = $"syncing {files.Folder}";
        error = Final(files.SyncFolder());
        if (error == 0)
        {
            _storage.Close(old.File);
        }

        return error;
    }

    /// <summary>One that stays behind belongs to no generation there is, and goes at the next start.</summary>
    private void RemoveIndex(Segment old) => _storage.Unlink(files.IndexPath(old.Number));

    private int Fill(int file, ref string step)
    {
        int error = _storage.Allocate(file, segmentSize);
        if (error != 0)
        {
            return error;
        }

        byte[] zeros = new byte[Math.Min(ZeroFill, segmentSize)];
        for (int at = 0; at < segmentSize;)
        {
            int length = Math.Min(zeros.Length, segmentSize - at);
            error = files.WriteAll(file, zeros.AsSpan(0, length), at);
            if (error != 0)
            {
                return error;
            }

            at += length;
            if (at % SyncEvery == 0 && (error = files.Sync(file)) != 0)
            {
                step = "syncing a new segment";
                return error;
            }
        }

        return 0;
    }

    private int Begin(int file, long number, string path, ref string step, out Segment? made)
    {
        made = null;
        ulong generation = NewGeneration(number);
        int error = WriteHeader(file, generation, number);
        if (error != 0)
        {
            return error;
        }

        step = $"syncing {path}";
        error = files.Sync(file);
        if (error != 0)
        {
            return error;
        }

        step = $"syncing {files.Folder}";
        error = Final(files.SyncFolder());
        if (error == 0)
        {
            _lastNumber = number;
            made = new Segment(file, path, number, generation, segmentSize);
        }

        return error;
    }

    /// <summary>A sync that failed for want of space is no better than another: only a new file can be thrown away and tried again.</summary>
    private static int Final(int error) => Errno.IsSpace(error) ? Errno.InputOutput : error;

    private int WriteHeader(int file, ulong generation, long number)
    {
        Span<byte> header = stackalloc byte[SegmentHeader.Length];
        new SegmentHeader(generation, number, ids.Last).Write(header);
        return files.WriteAll(file, header, 0);
    }

    /// <summary>Random above, so that no peer can put a valid record into a body; the number below, so that a lost header can be told from its file's name.</summary>
    private static ulong NewGeneration(long number)
    {
        Span<byte> random = stackalloc byte[4];
        RandomNumberGenerator.Fill(random);
        return ((ulong)BitConverter.ToUInt32(random) << 32) | (uint)number;
    }
}

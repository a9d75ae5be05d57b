using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Relay.Spool;

/// <summary>
/// Where damaged bytes and files go that belong to nothing: kept for whoever can make sense of them, never deleted. Used while the spool opens, by one thread.
/// </summary>
internal sealed class CorruptFolder(SpoolFiles files, ILogger log)
{
    private const int Piece = 256 * 1024;

    private readonly IStorage _storage = files.Storage;
    private readonly string _folder = Path.Combine(files.Folder, "corrupt");

    /// <summary>Copies a part of a segment, durably. Returns an errno.</summary>
    internal int Copy(DamagedRange range)
    {
        string copy = Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{range.Segment.Number:D8}-{range.Offset:D10}.bin"));
        int error = Make();
        if (error == 0)
        {
            error = Copy(range, copy);
        }

        // A copy of that name is this range, found again after a restart.
        if (error is 0 or Errno.Exists)
        {
            error = files.SyncOther(_folder);
        }

        if (error == 0)
        {
            SpoolLog.Damage(log, range.Segment.Number, range.Offset, range.Length, range.Records, copy);
        }

        return error;
    }

    internal void Move(string name, string reason)
    {
        int error = Make();
        if (error == 0)
        {
            error = _storage.Rename(Path.Combine(files.Folder, name), Path.Combine(_folder, name));
        }

        SpoolLog.MovedAside(log, name, error == 0 ? reason : $"{reason}; not moved: {Errno.Text(error)}");
    }

    private int Make()
    {
        int error = _storage.CreateDirectory(_folder);
        return error switch
        {
            0 => files.SyncFolder(),
            Errno.Exists => 0,
            _ => error,
        };
    }

    private int Copy(DamagedRange range, string path)
    {
        int error = _storage.Open(path, OpenMode.CreateNew, out int copy);
        if (error != 0)
        {
            return error;
        }

        byte[] piece = new byte[Piece];
        for (long at = 0; at < range.Length && error == 0; at += piece.Length)
        {
            Span<byte> bytes = piece.AsSpan(0, (int)Math.Min(piece.Length, range.Length - at));
            error = files.ReadAll(range.Segment.File, bytes, range.Offset + at, out int read);
            if (error == 0)
            {
                error = files.WriteAll(copy, bytes[..read], at);
            }
        }

        if (error == 0)
        {
            error = files.Sync(copy);
        }

        _storage.Close(copy);
        if (error != 0)
        {
            _storage.Unlink(path);
        }

        return error;
    }
}

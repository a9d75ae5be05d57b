using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Relay.Spool;

/// <summary>
/// Reads the folder at start: every segment in its order, then the bodies' own files. What is damaged is set aside in corrupt/, what belongs to no message is
/// removed. Runs once, on the
/// thread that opens the spool, before anything is written. Only what makes the whole folder useless is an exception (IOException).
/// </summary>
internal sealed class SpoolRecovery(SpoolFiles files, ILogger log)
{
    private const int ReadPiece = 256 * 1024;
    private const long LargestSegment = 1L << 30;

    private readonly IStorage _storage = files.Storage;
    private readonly CorruptFolder _corrupt = new(files, log);
    private readonly LogReplay _replay = new();
    private readonly List<Segment> _segments = [];
    private readonly HashSet<Segment> _withRecords = [];
    private bool _damaged;

    internal List<RecoveredMessage> Messages { get; } = [];

    /// <summary>Messages that can't be delivered because their body is lost: their records are set aside, the log has to forget them.</summary>
    internal List<SpooledMessage> Lost { get; } = [];

    internal IEnumerable<Segment> InLog => _segments.Where(_withRecords.Contains);

    internal IEnumerable<Segment> Empty => _segments.Where(s => !_withRecords.Contains(s));

    internal long LastNumber { get; private set; }

    internal ulong LastId => _replay.LastId;

    internal ulong LastSequence => _replay.LastSequence;

    /// <summary>The end of the last batch, which fills its last page.</summary>
    internal LogPosition Durable => _replay.Durable with { Offset = (_replay.Durable.Offset + BatchWriter.Page - 1) & -BatchWriter.Page };

    internal void Run()
    {
        var names = new List<string>();
        int error = _storage.List(files.Folder, names);
        if (error != 0)
        {
            throw new IOException($"spool {files.Folder} can't be listed: {Errno.Text(error)}");
        }

        OpenSegments(names);
        ReadSegments();
        foreach (DamagedRange range in _replay.Damage)
        {
            SetAside(range);
        }

        foreach ((long segment, int records) in _replay.TornTails)
        {
            SpoolLog.TornTail(log, segment, records);
        }

        CheckBodies(names);
        foreach (ReplayedMessage message in _replay.Live.Values.OrderBy(m => m.Message.Id))
        {
            message.Message.Segment!.Live++;
            Messages.Add(message.Recovered());
        }
    }

    private void OpenSegments(List<string> names)
    {
        Span<byte> bytes = stackalloc byte[SegmentHeader.Length];
        foreach (string name in names.Where(n => n.EndsWith(SpoolFiles.SegmentSuffix, StringComparison.Ordinal)))
        {
            string path = Path.Combine(files.Folder, name);
            int error = _storage.Open(path, OpenMode.Existing, out int file);
            if (error != 0)
            {
                MoveAside(name, Errno.Text(error));
                continue;
            }

            error = _storage.Length(file, out long length);
            if (error != 0 || length > LargestSegment)
            {
                _storage.Close(file);
                MoveAside(name, error != 0 ? Errno.Text(error) : "longer than any segment");
                continue;
            }

            bool readable = files.ReadAll(file, bytes, 0, out int read) == 0;
            if (readable && SegmentHeader.TryRead(bytes[..read], out SegmentHeader header, out uint version))
            {
                if (version != SegmentHeader.CurrentVersion)
                {
                    throw new IOException($"{path} was written by another version of the relay (format {version})");
                }

                LastNumber = Math.Max(LastNumber, header.Number);
                _replay.SawId(header.LastId);
                _segments.Add(new Segment(file, path, header.Number, header.Generation, length));
            }
            else if (Guess(file, path, name, length) is { } guessed)
            {
                LastNumber = Math.Max(LastNumber, guessed.Number);
                _segments.Add(guessed);
            }
            else
            {
                _storage.Close(file);
                MoveAside(name, "not a segment");
            }
        }

        _segments.Sort(static (a, b) => a.Number.CompareTo(b.Number));
    }

    /// <summary>A segment without its header: the name tells its number, and its first record the generation, if it has one of that number.</summary>
    private Segment? Guess(int file, string path, string name, long length)
    {
        if (!long.TryParse(name.AsSpan(0, name.Length - SpoolFiles.SegmentSuffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            return null;
        }

        Span<byte> record = stackalloc byte[RecordHeader.Length];
        ulong generation = (uint)number;
        if (files.ReadAll(file, record, SegmentHeader.DataStart, out int read) == 0 && read == record.Length)
        {
            ulong found = BitConverter.ToUInt64(record[RecordHeader.GenerationOffset..]);
            generation = (uint)found == (uint)number ? found : generation;
        }

        return new Segment(file, path, number, generation, length);
    }

    private void ReadSegments()
    {
        byte[] buffer = new byte[_segments.Count == 0 ? 0 : (int)_segments.Max(s => s.Size)];
        foreach (Segment segment in _segments)
        {
            Span<byte> bytes = buffer.AsSpan(0, (int)segment.Size);
            for (int at = 0; at < bytes.Length; at += ReadPiece)
            {
                Span<byte> piece = bytes.Slice(at, Math.Min(ReadPiece, bytes.Length - at));
                int error = files.ReadAll(segment.File, piece, at, out int read);
                piece[read..].Clear();
                if (error != 0)
                {
                    // What can't be read is taken as damage; the file is kept for whoever can.
                    Keep(segment, at, Errno.Text(error));
                }
            }

            if (_replay.Read(segment, bytes) || segment.Live > 0)
            {
                _withRecords.Add(segment);
            }
        }
    }

    /// <summary>False when the bytes couldn't be copied: then the segment is kept.</summary>
    private bool SetAside(DamagedRange range)
    {
        _damaged = true;
        _withRecords.Add(range.Segment);
        int error = _corrupt.Copy(range);
        if (error != 0)
        {
            Keep(range.Segment, range.Offset, Errno.Text(error));
        }

        return error == 0;
    }

    private void MoveAside(string name, string reason)
    {
        _damaged = true;
        _corrupt.Move(name, reason);
    }

    /// <summary>Counts the segment as live for good, so that it is never written again.</summary>
    private void Keep(Segment segment, long offset, string reason)
    {
        _damaged = true;
        segment.Live++;
        SpoolLog.DamageKept(log, segment.Number, offset, reason);
    }

    private void CheckBodies(List<string> names)
    {
        var present = names.Where(n => n.EndsWith(SpoolFiles.BodySuffix, StringComparison.Ordinal)).ToHashSet(StringComparer.Ordinal);
        foreach (SpooledMessage message in _replay.Live.Values.Select(m => m.Message).Where(m => m.OwnFile).ToList())
        {
            string name = message.Id + SpoolFiles.BodySuffix;
            bool there = present.Remove(name);
            if (there && HasLength(Path.Combine(files.Folder, name), message.Size))
            {
                continue;
            }

            SpoolLog.BodyMissing(log, message.Id);
            _replay.Forget(message.Id);
            if (there)
            {
                MoveAside(name, "not of its record's length");
            }

            if (SetAside(new DamagedRange(message.Segment!, message.RecordOffset, message.RecordLength, 1)))
            {
                Lost.Add(message);
            }
        }

        int orphans = 0;
        foreach (string name in present)
        {
            if (_damaged)
            {
                // Its record may be what is damaged.
                MoveAside(name, "no record");
            }
            else if (_storage.Unlink(Path.Combine(files.Folder, name)) is var error and not 0)
            {
                MoveAside(name, Errno.Text(error));
            }
            else
            {
                orphans++;
            }
        }

        if (orphans > 0)
        {
            SpoolLog.Orphans(log, orphans);
        }
    }

    private bool HasLength(string path, long expected)
    {
        if (_storage.Open(path, OpenMode.Existing, out int file) != 0)
        {
            return false;
        }

        int error = _storage.Length(file, out long length);
        _storage.Close(file);
        return error == 0 && length == expected;
    }
}

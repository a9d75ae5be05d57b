using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Relay.Spool;

/// <summary>
/// Finds at start what lies in the folder, and no more of its content than new mail needs: every segment by its header, where the log ended, and one segment without records to go on in. The mail
/// is read afterwards, by <see cref="MailRecovery"/>. Runs once, on the thread that opens the spool, before anything is written. Only what makes the whole folder useless is an exception (IOException).
/// </summary>
internal sealed class SpoolRecovery(SpoolFiles files, ILogger log)
{
    private const long LargestSegment = 1L << 30;

    private readonly IStorage _storage = files.Storage;
    private readonly CorruptFolder _corrupt = new(files, log);
    private readonly List<Segment> _segments = [];

    /// <summary>The segments that may have records, oldest first.</summary>
    internal IReadOnlyList<Segment> Segments => _segments;

    /// <summary>A segment that certainly has none, if one was looked for and found.</summary>
    internal List<Segment> Empty { get; } = [];

    /// <summary>Names of the bodies' own files.</summary>
    internal HashSet<string> Bodies { get; private set; } = [];

    /// <summary>Something had to be moved aside.</summary>
    internal bool IsDamaged { get; private set; }

    internal long LastNumber { get; private set; }

    internal ulong LastId { get; private set; }

    internal ulong LastSequence { get; private set; }

    /// <summary>The end of the last batch, which fills its last page.</summary>
    internal LogPosition Durable { get; private set; }

    internal void Run()
    {
        var names = new List<string>();
        int error = _storage.List(files.Folder, names);
        if (error != 0)
        {
            throw new IOException($"spool {files.Folder} can't be listed: {Errno.Text(error)}");
        }

        OpenSegments(names);
        RemoveForeignIndexes(names);
        Bodies = names.Where(n => n.EndsWith(SpoolFiles.BodySuffix, StringComparison.Ordinal)).ToHashSet(StringComparer.Ordinal);
        FindEnd();
        FindEmpty();
    }

    private void OpenSegments(List<string> names)
    {
        Span<byte> bytes = stackalloc byte[SegmentHeader.Length];
        foreach (string name in names.Where(n => n.EndsWith(SpoolFiles.SegmentSuffix, StringComparison.Ordinal)))
        {
            string path = Path.Combine(files.Folder, name);
            int error = _storage.Open(path, OpenMode.Existing, out int file);
            if (Errno.IsShortage(error))
            {
                throw new IOException($"{path} can't be opened: {Errno.Text(error)}");
            }

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
                if (version is not (SegmentHeader.CurrentVersion or SegmentHeader.EarlierVersion))
                {
                    throw new IOException($"{path} was written by another version of the relay (format {version})");
                }

                LastNumber = Math.Max(LastNumber, header.Number);
                LastId = Math.Max(LastId, header.LastId);
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

    /// <summary>Where the log ended: told by the youngest segment that the committer wrote.</summary>
    private void FindEnd()
    {
        for (int i = _segments.Count - 1; i >= 0 && Durable.Segment == 0; i--)
        {
            Segment segment = _segments[i];
            if (!StartsWithRecord(segment))
            {
                continue;
            }

            SegmentContent content = SegmentIndex.Read(files, segment, messages: false) ?? SegmentScan.Read(files, segment, 0);
            LastId = Math.Max(LastId, content.LastId);
            LastSequence = Math.Max(LastSequence, content.LastSequence);
            if (content.End > 0 && content.Before.Segment != segment.Number)
            {
                Durable = new LogPosition(segment.Number, (content.End + BatchWriter.Page - 1) & -BatchWriter.Page);
            }
        }
    }

    /// <summary>One that is certainly empty, since its first record may as well be damaged, is quicker to have than a new one.</summary>
    private void FindEmpty()
    {
        Segment? empty = _segments.Find(s => !StartsWithRecord(s) && SegmentScan.Read(files, s, 0) is { Any: false, Unreadable: null });
        if (empty is not null)
        {
            _segments.Remove(empty);
            Empty.Add(empty);
        }
    }

    private bool StartsWithRecord(Segment segment)
    {
        Span<byte> bytes = stackalloc byte[RecordHeader.Length];
        return files.ReadAll(segment.File, bytes, SegmentHeader.DataStart, out int read) == 0 && RecordHeader.TryRead(bytes[..read], segment.Generation, out _);
    }

    private void RemoveForeignIndexes(List<string> names)
    {
        HashSet<string> own = [.. _segments.Select(s => files.IndexPath(s.Number))];
        foreach (string path in names.Where(n => n.EndsWith(SpoolFiles.IndexSuffix, StringComparison.Ordinal)).Select(n => Path.Combine(files.Folder, n)).Where(p => !own.Contains(p)))
        {
            if (_storage.Unlink(path) is var error and not 0)
            {
                SpoolLog.NotRemoved(log, path, Errno.Text(error));
            }
        }
    }

    private void MoveAside(string name, string reason)
    {
        IsDamaged = true;
        _corrupt.Move(name, reason);
    }
}

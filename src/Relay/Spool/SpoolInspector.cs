using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// Reads a spool's folder from outside and changes nothing in it: for verification, and to list and export mail. Without the lock it may read beside a running relay: what is durable is there whole,
/// but what it says of recipients may be a moment old, and a message that is being moved may be missed. One thread. Dispose gives the lock up.
/// </summary>
public sealed class SpoolInspector : IDisposable
{
    private readonly SpoolFiles _files;
    private readonly List<string> _names = [];
    private readonly List<Segment> _segments = [];
    private readonly List<string> _problems = [];
    private readonly Dictionary<long, Said> _said = [];
    private readonly int _lock;

    private SpoolInspector(SpoolFiles files, int lockFile)
    {
        _files = files;
        _lock = lockFile;
    }

    /// <summary>
    /// Opens a folder; <paramref name="alone"/>: only while no relay runs on it. Throws IOException with one line when it can't be read, is none of a spool, or is in use.
    /// </summary>
    public static SpoolInspector Open(string folder, bool alone) => Open(new SpoolFiles(new DiskStorage(), folder, Durability.Os), alone);

    internal static SpoolInspector Open(SpoolFiles files, bool alone)
    {
        var inspector = new SpoolInspector(files, alone ? TakeLock(files) : -1);
        try
        {
            inspector.OpenSegments();
            return inspector;
        }
        catch
        {
            inspector.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Checks every segment's header, every record's and every body's CRC, the batches' marks, the indexes against what they stand for, and bodies' own files. Each problem is told in
    /// one line with its file and offset. To be asked of an inspector that is alone.
    /// </summary>
    public SpoolVerdict Verify(Action<string> problem)
    {
        var verdict = new SpoolVerdict(_segments.Count, 0, 0, 0, 0);
        Listen();
        foreach (Segment segment in _segments)
        {
            SegmentContent content = SegmentScan.Read(_files, segment, segment.DurableEnd);
            verdict = verdict with { Records = verdict.Records + content.Records, Unfinished = verdict.Unfinished + content.Torn };
            content.Damage.ForEach(d => Problem(segment.Path, d.Offset, $"{d.Length} octets are no record ({d.Records} of them are lost)"));
            if (content.Unreadable is { } unreadable)
            {
                Problem(segment.Path, unreadable.Offset, Errno.Text(unreadable.Error));
            }

            if (SegmentIndex.Read(_files, segment, messages: true) is { } index && !Agree(index, content))
            {
                Problem(_files.IndexPath(segment.Number), 0, "the index says otherwise than its segment");
            }

            foreach (SpooledMessage message in Live(segment, content))
            {
                verdict = verdict with { Messages = verdict.Messages + 1 };
                if (message.OwnFile)
                {
                    CheckBody(message);
                }
            }

            _problems.ForEach(problem);
            verdict = verdict with { Problems = verdict.Problems + _problems.Count };
            _problems.Clear();
        }

        _problems.ForEach(problem);
        return verdict with { Problems = verdict.Problems + _problems.Count };
    }

    /// <summary>The messages with recipients to deliver to, in the order of the log.</summary>
    internal IEnumerable<SpooledMessage> Messages()
    {
        Listen();
        return _segments.SelectMany(s => Live(s, Content(s, messages: true)));
    }

    /// <summary>Writes every message as one line: id, arrival, octets, sender, recipients that are left, attempts, time of the next.</summary>
    public void List(TextWriter into)
    {
        foreach (SpooledMessage message in Messages())
        {
            into.WriteLine(MessageExport.Line(message));
        }
    }

    /// <summary>
    /// Writes a message with its envelope before it, see <see cref="MessageExport"/>. False when there is none of this id that has recipients to deliver to. Throws IOException when the body is damaged,
    /// after what could be read of it.
    /// </summary>
    public bool TryExport(QueueId id, Func<Stream> open)
    {
        if (Messages().FirstOrDefault(m => m.Id == id) is not { } message)
        {
            return false;
        }

        using Stream into = open();
        MessageExport.WriteEnvelope(message, into);
        if (ReadBody(message, piece => into.Write(piece)) is { } failure)
        {
            throw new IOException($"the body of {id} can't be read whole: {failure}");
        }

        return true;
    }

    public void Dispose()
    {
        _segments.ForEach(s => _files.Storage.Close(s.File));
        if (_lock >= 0)
        {
            _files.Storage.Close(_lock);
        }
    }

    /// <summary>-1 when there is no lock: then no relay has ever been there.</summary>
    private static int TakeLock(SpoolFiles files)
    {
        int error = files.Storage.Open(files.LockPath, OpenMode.ReadOnly, out int file);
        if (error == Errno.NotFound)
        {
            return -1;
        }

        if (error == 0)
        {
            error = files.Storage.Lock(file);
            if (error == 0)
            {
                return file;
            }

            files.Storage.Close(file);
        }

        throw new IOException(error == Errno.WouldBlock ? $"spool {files.Folder} is in use: stop the relay first" : $"{files.LockPath} can't be locked: {Errno.Text(error)}");
    }

    private static bool Agree(SegmentContent index, SegmentContent content) =>
        index.Messages.Select(static m => (m.Id, m.RecordOffset, m.Unsettled)).SequenceEqual(content.Messages.Select(static m => (m.Id, m.RecordOffset, m.Unsettled)))
        && index.Statements.Select(static s => (s.Segment, s.Id, s.States?.Length)).SequenceEqual(content.Statements.Select(static s => (s.Segment, s.Id, s.States?.Length)));

    private void OpenSegments()
    {
        int error = _files.Storage.List(_files.Folder, _names);
        if (error != 0)
        {
            throw new IOException($"spool {_files.Folder} can't be read: {Errno.Text(error)}");
        }

        string[] names = [.. _names.Where(static n => n.EndsWith(SpoolFiles.SegmentSuffix, StringComparison.Ordinal))];
        if (names.Length == 0)
        {
            throw new IOException($"{_files.Folder} is no spool: there are no segments in it");
        }

        foreach (string path in names.Select(n => Path.Combine(_files.Folder, n)))
        {
            error = _files.Storage.Open(path, OpenMode.ReadOnly, out int file);
            if (error == 0 && Identify(file, path) is { } segment)
            {
                _segments.Add(segment);
            }
            else if (error == 0)
            {
                _files.Storage.Close(file);
            }
            else
            {
                Problem(path, 0, Errno.Text(error));
            }
        }

        _segments.Sort(static (a, b) => a.Number.CompareTo(b.Number));
    }

    private Segment? Identify(int file, string path)
    {
        Span<byte> bytes = stackalloc byte[SegmentHeader.Length];
        int error = _files.Storage.Length(file, out long length);
        int read = 0;
        error = error == 0 ? _files.ReadAll(file, bytes, 0, out read) : error;
        if (error != 0)
        {
            Problem(path, 0, Errno.Text(error));
        }
        else if (!SegmentHeader.TryRead(bytes[..read], out SegmentHeader header, out uint version))
        {
            // A crash while it was made leaves one that nothing was ever written to.
            if (HasRecords(file, length))
            {
                Problem(path, 0, "the segment's header is damaged: its records were not looked at");
            }
        }
        else if (version is not (SegmentHeader.CurrentVersion or SegmentHeader.EarlierVersion))
        {
            Problem(path, 0, $"written by another version of the relay (format {version})");
        }
        else
        {
            return new Segment(file, path, header.Number, header.Generation, length);
        }

        return null;
    }

    /// <summary>Whether there is anything but zeros behind the header, or anything that can't be read.</summary>
    private bool HasRecords(int file, long length)
    {
        byte[] piece = new byte[64 * 1024];
        for (long at = SegmentHeader.DataStart; at < length; at += piece.Length)
        {
            if (_files.ReadAll(file, piece, at, out int read) != 0 || piece.AsSpan(0, read).ContainsAnyExcept((byte)0))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What every segment says of messages in others, and up to where it says that another was durable.</summary>
    private void Listen()
    {
        _said.Clear();
        _said.Add(0, new Said());
        _segments.ForEach(s => _said.TryAdd(s.Number, new Said()));
        for (int i = _segments.Count - 1; i >= 0; i--)
        {
            SegmentContent content = Content(_segments[i], messages: false);
            if (content.Before.Segment != _segments[i].Number && _segments.Find(s => s.Number == content.Before.Segment) is { } before)
            {
                before.DurableEnd = Math.Max(before.DurableEnd, content.Before.Offset);
            }

            foreach (Statement statement in content.Statements)
            {
                if (_said.TryGetValue(statement.Segment, out Said? said))
                {
                    said.Add(statement);
                }
            }
        }
    }

    private SegmentContent Content(Segment segment, bool messages) => SegmentIndex.Read(_files, segment, messages) ?? SegmentScan.Read(_files, segment, segment.DurableEnd);

    private IEnumerable<SpooledMessage> Live(Segment segment, SegmentContent content) => content.Messages.Where(m => !_said[segment.Number].Ends(m) && !_said[0].Ends(m));

    private void CheckBody(SpooledMessage message)
    {
        if (ReadBody(message, static _ => { }) is { } failure)
        {
            Problem(_files.BodyPath(message.Id), 0, failure);
        }
    }

    /// <summary>Null, or what is wrong with the body.</summary>
    private string? ReadBody(SpooledMessage message, BodyPiece take)
    {
        int error = 0;
        int file = message.Segment!.File;
        if (message.OwnFile)
        {
            error = _files.Storage.Open(_files.BodyPath(message.Id), OpenMode.ReadOnly, out file);
            if (error != 0)
            {
                return Errno.Text(error);
            }
        }

        byte[] piece = new byte[256 * 1024];
        long start = message.OwnFile ? 0 : message.BodyOffset;
        long at = 0;
        uint crc = 0;
        int read = 1;
        long front = message.Size - message.FrontLength;
        if (message.FrontLength > 0)
        {
            error = _files.ReadAll(file, piece.AsSpan(0, message.FrontLength), start + front, out read);
            take(piece.AsSpan(0, read));
        }

        while (at < message.Size && error == 0 && read > 0)
        {
            error = _files.ReadAll(file, piece.AsSpan(0, (int)Math.Min(piece.Length, message.Size - at)), start + at, out read);
            crc = Crc32C.Append(crc, piece.AsSpan(0, read));
            take(piece.AsSpan(0, (int)Math.Clamp(front - at, 0, read)));
            at += read;
        }

        long length = at;
        if (message.OwnFile)
        {
            error = error == 0 ? _files.Storage.Length(file, out length) : error;
            _files.Storage.Close(file);
        }

        return error != 0 ? Errno.Text(error)
            : length != message.Size ? $"{length} octets instead of {message.Size}"
            : crc != message.BodyCrc ? "the body is damaged (its CRC32C is wrong)"
            : null;
    }

    private void Problem(string path, long offset, string what) => _problems.Add($"{path}: at {offset}: {what}");

    private delegate void BodyPiece(ReadOnlySpan<byte> piece);
}

namespace Relay.Spool;

/// <summary>
/// Reads the mail that was in the spool when it was opened, while new mail is accepted already. First what every segment says of messages in others, then segment by segment, oldest first, the
/// messages: each is handed out as soon as its segment was read, and may be settled at once. A segment that has no index is read whole, and gets one. What is damaged is set aside in corrupt/,
/// and at the end the bodies' files that belong to no message are removed. Until a segment has been read it is held, so that nothing in it is overwritten. One thread, one use.
/// </summary>
internal sealed class MailRecovery(SpoolDirectory spool, IReadOnlyList<Segment> old, HashSet<string> bodies, bool damaged)
{
    private readonly CorruptFolder _corrupt = new(spool.Files, spool.Log);
    private readonly Dictionary<long, Said> _said = [];
    private readonly Dictionary<long, Segment> _byNumber = old.ToDictionary(static s => s.Number);
    private bool _damaged = damaged;

    /// <summary>Gives every message with recipients to deliver to to <paramref name="found"/>. Ends early, with nothing lost, when it is stopped.</summary>
    internal void Run(Action<RecoveredMessage> found, CancellationToken stop)
    {
        foreach (long number in old.Select(s => s.Number).Append(0))
        {
            _said.Add(number, new Said());
        }

        // A marker in a younger segment tells up to where an older one was durable.
        for (int i = old.Count - 1; i >= 0 && !stop.IsCancellationRequested; i--)
        {
            Listen(old[i]);
        }

        for (int i = 0; i < old.Count && !stop.IsCancellationRequested; i++)
        {
            if (!Find(old[i], found, stop))
            {
                return;
            }

            _said.Remove(old[i].Number);
            spool.Segments.Release(old[i]);
        }

        if (!stop.IsCancellationRequested)
        {
            RemoveOrphans();
            spool.Segments.Recovered();
        }
    }

    private void Listen(Segment segment)
    {
        SegmentContent content = SegmentIndex.Read(spool.Files, segment, messages: false) ?? Scan(segment);
        if (content.Before.Segment != segment.Number && _byNumber.TryGetValue(content.Before.Segment, out Segment? before))
        {
            before.DurableEnd = Math.Max(before.DurableEnd, content.Before.Offset);
        }

        foreach (Statement statement in content.Statements)
        {
            SpeaksOf(segment, statement);
            if (_said.TryGetValue(statement.Segment, out Said? said))
            {
                said.Add(statement);
            }
        }
    }

    /// <summary>Which segment it speaks about, an earlier version didn't write down: it may be any older one.</summary>
    private void SpeaksOf(Segment segment, Statement statement)
    {
        foreach (long number in statement.Segment != 0 ? [statement.Segment] : _byNumber.Keys.Where(n => n < segment.Number))
        {
            segment.Speaks(number, statement.RecordLength);
        }
    }

    /// <summary>Reads a segment without an index, deals with what is damaged in it, and makes the index, if it has records and all of them are whole.</summary>
    private SegmentContent Scan(Segment segment)
    {
        SegmentContent content = SegmentScan.Read(spool.Files, segment, segment.DurableEnd);
        if (content.Unreadable is { } unreadable)
        {
            // What can't be read is taken as damage; the file is kept for whoever can.
            Keep(segment, unreadable.Offset, Errno.Text(unreadable.Error));
        }

        content.Damage.ForEach(d => SetAside(d));
        if (content.Torn > 0)
        {
            SpoolLog.TornTail(spool.Log, segment.Number, content.Torn);
        }

        if (content.Any && content.IsWhole && SegmentIndex.Write(spool.Files, segment, content) is var error and not 0)
        {
            SpoolLog.NoIndex(spool.Log, segment.Number, Errno.Text(error));
        }

        return content;
    }

    /// <summary>Waits where there is no room in memory. False when it was stopped: then the segment has messages that nobody knows.</summary>
    private bool Find(Segment segment, Action<RecoveredMessage> found, CancellationToken stop)
    {
        SegmentContent content = SegmentIndex.Read(spool.Files, segment, messages: true) ?? SegmentScan.Read(spool.Files, segment, segment.DurableEnd);
        foreach (SpooledMessage message in content.Messages)
        {
            message.Directory = spool;
            if (_said[segment.Number].Ends(message) || _said[0].Ends(message) || (message.OwnFile && !HasBody(message)))
            {
                continue;
            }

            if (!spool.Tail.TakeRoom(stop))
            {
                return false;
            }

            segment.Add(message);
            found(new RecoveredMessage(message, message.Pending()));
        }

        return true;
    }

    /// <summary>False when the bytes couldn't be copied: then the segment is kept.</summary>
    private bool SetAside(DamagedRange range)
    {
        _damaged = true;
        range.Segment.IsStuck = true;
        int error = _corrupt.Copy(range);
        if (error != 0)
        {
            Keep(range.Segment, range.Offset, Errno.Text(error));
        }

        return error == 0;
    }

    /// <summary>Holds the segment for good, so that it is never written again.</summary>
    private void Keep(Segment segment, long offset, string reason)
    {
        _damaged = true;
        segment.IsStuck = true;
        segment.TryHold();
        SpoolLog.DamageKept(spool.Log, segment.Number, offset, reason);
    }

    private bool HasBody(SpooledMessage message)
    {
        string name = message.Id + SpoolFiles.BodySuffix;
        bool there = bodies.Remove(name);
        if (there && HasLength(Path.Combine(spool.Files.Folder, name), message.Size))
        {
            return true;
        }

        SpoolLog.BodyMissing(spool.Log, message.Id);
        if (there)
        {
            _damaged = true;
            _corrupt.Move(name, "not of its record's length");
        }

        if (SetAside(new DamagedRange(message.Segment!, message.RecordOffset, message.RecordLength, 1)))
        {
            spool.Queue.Remove(message);
        }

        return false;
    }

    /// <summary>Only what certainly isn't so counts against a body: out of descriptors, for one, nothing can be told, and reading it will.</summary>
    private bool HasLength(string path, long expected)
    {
        int error = spool.Files.Storage.Open(path, OpenMode.Existing, out int file);
        if (error != 0)
        {
            return Errno.IsShortage(error);
        }

        error = spool.Files.Storage.Length(file, out long length);
        spool.Files.Storage.Close(file);
        return error == 0 && length == expected;
    }

    private void RemoveOrphans()
    {
        int orphans = 0;
        foreach (string name in bodies)
        {
            if (_damaged)
            {
                // Its record may be what is damaged.
                _corrupt.Move(name, "no record");
            }
            else if (spool.Files.Storage.Unlink(Path.Combine(spool.Files.Folder, name)) is var error and not 0)
            {
                _corrupt.Move(name, Errno.Text(error));
            }
            else
            {
                orphans++;
            }
        }

        if (orphans > 0)
        {
            SpoolLog.Orphans(spool.Log, orphans);
        }
    }
}

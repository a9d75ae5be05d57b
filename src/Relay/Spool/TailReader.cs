namespace Relay.Spool;

/// <summary>
/// Gives parked mail back to the queue, in the order in which it came, as there is room: record by record from the log, without the bodies. One thread, one use.
/// </summary>
internal sealed class TailReader(SpoolDirectory spool, Action<RecoveredMessage> found, CancellationToken stop)
{
    private Segment? _segment;
    private SegmentWindow? _window;

    /// <summary>Until it is stopped. What has not been read then stays in the spool, for a restart to find.</summary>
    internal void Run()
    {
        while (spool.Tail.Next(stop, out Segment segment, out long from, out long to))
        {
            if (_segment != segment)
            {
                (_segment, _window) = (segment, new SegmentWindow(spool.Files, segment));
            }

            // What it has of the part behind was not written then.
            _window!.Forget();
            long at = from;
            while (at < to && ReadRecord(ref at))
            {
            }

            bool damaged = at < to && !stop.IsCancellationRequested;
            if (damaged)
            {
                Salvage(at, to);
            }

            if (stop.IsCancellationRequested)
            {
                return;
            }

            spool.Tail.Passed(to, keep: damaged);
        }
    }

    /// <summary>False when there is no record, or when it was stopped.</summary>
    private bool ReadRecord(ref long at)
    {
        if (!_window!.TryRecord(at, out RecordHeader header))
        {
            return false;
        }

        if (header.Type is RecordType.Message or RecordType.LargeMessage)
        {
            if (!spool.Tail.TakeRoom(stop))
            {
                return false;
            }

            if (RecordFields.ReadMessage(header.Type, _window.Bytes(at + RecordHeader.Length, header.FieldLength)) is not { } message)
            {
                spool.Memory.Queue.Give();
                return false;
            }

            message.LieIn(_segment!, at, header);
            Give(message);
        }

        at = BatchWriter.After(at, header);
        return true;
    }

    /// <summary>Something is damaged: the rest is read as recovery reads it, and the segment kept until a restart, which sets aside what can't be read.</summary>
    private void Salvage(long at, long to)
    {
        SpoolLog.TailDamaged(spool.Log, _segment!.Number, at);
        _segment.IsStuck = true;
        foreach (SpooledMessage message in SegmentScan.Read(spool.Files, _segment, to).Messages.Where(m => m.RecordOffset >= at && m.RecordOffset < to))
        {
            if (!spool.Tail.TakeRoom(stop))
            {
                return;
            }

            Give(message);
        }
    }

    private void Give(SpooledMessage message)
    {
        message.Directory = spool;
        _segment!.Add(message);
        _segment.Unpark(message);
        spool.Tail.GivenBack();
        found(new RecoveredMessage(message, message.Pending()));
    }
}

using Microsoft.Extensions.Logging;

namespace Relay.Spool;

/// <summary>
/// Tidies the log behind the committer, on a thread of its own and at its own pace. A segment that the committer has left gets its index. When more of the log is dead than is live, the sparsest
/// segment's messages are copied into a segment for copies, and with them what its records say of messages in others; then the segment is free. A message belongs to its old place until the copy
/// is durable, and what is settled meanwhile is said of both places, durably, before the old one goes.
/// </summary>
internal sealed class Compactor(SpoolFiles files, SegmentStore segments, CommitQueue queue, SpoolCondition condition, QueueIds ids, ILogger log)
{
    // Synced when it is this long: a sync of the committer's waits behind no more than that.
    private const int BatchLength = 512 * 1024;

    // Copying takes at most a quarter of the time, when there is space.
    private const int Rest = 3;

    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(250);

    private readonly List<Copy> _copies = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private BatchWriter? _writer;
    private byte[] _body = [];
    private byte[] _fields = new byte[RecordFields.MovedLength];

    internal void Start() => new Thread(Run) { IsBackground = true, Name = "spool compactor", Priority = ThreadPriority.BelowNormal }.Start();

    /// <summary>Stops between two batches. To be called while the committer still runs.</summary>
    internal Task StopAsync()
    {
        segments.EndTidying();
        return _ended.Task;
    }

    private void Run()
    {
        while (segments.NextToTidy(out Segment? left, out Segment? sparse))
        {
            if (left is not null)
            {
                Seal(left);
                segments.Release(left);
                continue;
            }

            MoveOut(sparse!);
        }

        _ended.SetResult();
    }

    /// <summary>Reads back what was written, and writes down what it says.</summary>
    private void Seal(Segment segment)
    {
        SegmentContent content = SegmentScan.Read(files, segment, 0);
        string? failure = content.IsWhole ? null : "what was written can't be read back";
        if (failure is null && SegmentIndex.Write(files, segment, content) is var error and not 0)
        {
            failure = Errno.Text(error);
        }

        if (failure is not null)
        {
            SpoolLog.NoIndex(log, segment.Number, failure);
        }
    }

    /// <summary>Ends the hold on the segment, but not when messages were moved without their settlements certainly having followed: then it is never given up.</summary>
    private void MoveOut(Segment sparse)
    {
        long length = sparse.LiveLength;
        SegmentContent content = SegmentIndex.Read(files, sparse, messages: false) ?? SegmentScan.Read(files, sparse, sparse.DurableEnd);
        sparse.IsStuck |= !content.IsWhole;
        bool moved = !sparse.IsStuck && sparse.Messages().TrueForAll(m => CopyMessage(sparse, m)) && content.Statements.TrueForAll(s => CopyStatement(sparse, s));
        // Whatever got into the batch is a copy that counts: it has to become the message.
        moved &= CloseBatch(sparse) && Vouch();
        if (!Flush())
        {
            return;
        }

        if (moved)
        {
            sparse.SaidElsewhere();
            SpoolLog.MovedOut(log, sparse.Number, length);
        }

        segments.Release(sparse);
        if (!moved)
        {
            segments.Pause(Retry);
        }
    }

    private bool CopyMessage(Segment sparse, SpooledMessage message)
    {
        int bodyLength = message.OwnFile ? 0 : (int)message.Size;
        RecipientUpdate[] states;
        ushort changes;
        int own;
        int fieldLength;
        do
        {
            if (!queue.TryCopy(message, out states, out changes))
            {
                return true;
            }

            own = RecordFields.MovedLength + (states.Length * RecordFields.StateLength);
            fieldLength = own + message.Envelope.Bytes.Length;
            if (!FindRoom(sparse, RecordHeader.PaddedLength(fieldLength, bodyLength)) || !ReadBody(sparse, message, bodyLength))
            {
                return false;
            }
        }
        while (!queue.BeginCopy(message, changes, _writer!.Segment!.Number));

        if (_fields.Length < own)
        {
            _fields = new byte[own];
        }

        RecordFields.WriteMoved(_fields, message, sparse.Number, states);
        RecordType type = message.OwnFile ? RecordType.MovedLarge : RecordType.Moved;
        long offset = _writer!.Add(type, _fields.AsSpan(0, own), message.Envelope.Bytes, _body.AsSpan(0, bodyLength));
        _writer.Segment!.Speaks(sparse.Number, RecordHeader.PaddedLength(RecordFields.RemoveLength, 0));
        _copies.Add(new Copy(message, offset, new RecordHeader(type, fieldLength, bodyLength, 0, 0)));
        return _writer.Length < BatchLength || CloseBatch(sparse);
    }

    /// <summary>What the segment says of messages elsewhere, as long as their segment is there. Which that is, an earlier version didn't write down.</summary>
    private bool CopyStatement(Segment sparse, Statement statement)
    {
        long[] about = statement.Segment != 0 ? [statement.Segment] : [.. sparse.SpeaksOf.Keys];
        if (statement.Segment == sparse.Number || !about.Any(segments.Exists))
        {
            return true;
        }

        if (!FindRoom(sparse, statement.RecordLength))
        {
            return false;
        }

        byte[] fields = new byte[statement.FieldLength];
        statement.WriteTo(fields);
        _writer!.Add(statement.Type, fields, [], []);
        foreach (long number in about)
        {
            _writer.Segment!.Speaks(number, statement.RecordLength);
        }

        return _writer.Length < BatchLength || CloseBatch(sparse);
    }

    private bool ReadBody(Segment sparse, SpooledMessage message, int length)
    {
        if (_body.Length < length)
        {
            _body = new byte[length];
        }

        Span<byte> body = _body.AsSpan(0, length);
        int error = files.ReadAll(sparse.File, body, message.BodyOffset, out int read);
        if (message.OwnFile || (error == 0 && read == length && Crc32C.Append(0, body) == message.BodyCrc))
        {
            return true;
        }

        // It stays where it is, for whoever can make sense of it.
        sparse.IsStuck = true;
        SpoolLog.NotMoved(log, message.Id, error == 0 ? "it is damaged" : Errno.Text(error));
        return false;
    }

    private bool FindRoom(Segment sparse, long recordLength)
    {
        if (_writer?.HasRoom(recordLength) == true)
        {
            return true;
        }

        if (!CloseBatch(sparse))
        {
            return false;
        }

        if (_writer?.Segment is not null)
        {
            segments.EndCopies();
        }

        if (segments.TakeForCopies() is not { } segment)
        {
            _writer = null;
            return false;
        }

        // Its markers vouch for itself alone.
        _writer = new BatchWriter(files, new LogPosition(segment.Number, SegmentHeader.DataStart), 0);
        _writer.Use(segment);
        return true;
    }

    /// <summary>Makes the copies durable; from then on they are the messages.</summary>
    private bool CloseBatch(Segment sparse)
    {
        if (_writer is null || _writer.Length == 0)
        {
            return true;
        }

        long start = Environment.TickCount64;
        if (!Finish())
        {
            return false;
        }

        foreach (Copy copy in _copies)
        {
            queue.Move(copy.Message, sparse, _writer.Segment!, copy.Offset, copy.Record);
        }

        _copies.Clear();
        long taken = Environment.TickCount64 - start;
        return condition.Health.Status == SpoolStatus.Full || segments.Pause(TimeSpan.FromMilliseconds(taken * Rest));
    }

    /// <summary>Another marker, on a page of its own: one bad sector shall not make the last batch look torn when its old place is gone.</summary>
    private bool Vouch() => _writer?.HasRoom(0) != true || Finish();

    private bool Finish()
    {
        int error = _writer!.Finish(ids.Last, out string step);
        if (error == 0)
        {
            return true;
        }

        _writer = null;
        _copies.Clear();
        queue.DropCopies();
        segments.EndCopies();
        if (!Errno.IsSpace(error))
        {
            condition.Fail($"{step}: {Errno.Text(error)}");
        }

        return false;
    }

    /// <summary>Waits until what was settled during the copying is durable.</summary>
    private bool Flush()
    {
        while (true)
        {
            try
            {
                queue.FlushAsync().GetAwaiter().GetResult();
                return true;
            }
            catch (IOException)
            {
                // Full or failed: the condition says it. The old place stays.
                if (condition.IsFailed || !segments.Pause(Retry))
                {
                    return false;
                }
            }
        }
    }

    private readonly record struct Copy(SpooledMessage Message, long Offset, RecordHeader Record);
}

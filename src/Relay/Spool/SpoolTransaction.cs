using System.Buffers;
using System.Net;
using System.Threading.Tasks.Sources;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;

namespace Relay.Spool;

/// <summary>
/// One message on its way into the spool. The session writes the body as it arrives, calling <see cref="FlushAsync"/> between the reads of its connection
/// (that is where it is slowed
/// down when the disk is), and commits. One caller at a time, each ValueTask awaited once and before the next call; pooled, so it must not be touched after
/// <see cref="Dispose"/>.
/// No call throws for what the disk does: a body that couldn't be written turns into a failed commit.
/// </summary>
internal sealed class SpoolTransaction : IBufferWriter<byte>, IDisposable, IValueTaskSource<CommitResult>, IValueTaskSource, IThreadPoolWorkItem
{
    /// <summary>The longest body that goes into the log; a longer one gets a file of its own.</summary>
    internal const int LongestInLog = 128 * 1024;

    // A caller that never flushes is held at this, by writing on its own thread.
    private const int MostUnflushed = BufferPool.Largest;

    // A declared size is believed up to this: whoever only declares holds no more.
    private const int MostExpected = 32 * 1024;

    // What we put in front of a message ourselves.
    private const int FieldsAllowance = 512;

    private readonly SpoolDirectory _spool;
    private readonly BodyBuffer _buffer;
    private readonly BodyFile _file;
    private ManualResetValueTaskSourceCore<CommitResult> _source;
    private State _state = State.Pooled;
    private bool _abandoned;

    /// <summary>So much room the first buffer is to have.</summary>
    private int _expected;

    /// <summary>So many octets at the end of the file come first.</summary>
    private int _front;
    private bool _parked;
    private SpoolFailure _failure;
    private SpooledMessage? _message;
    private CommitResult _result;
    private SpoolTransaction? _next;

    /// <summary>Whose content takes the place of ours, while a body writer sees to it.</summary>
    private SpoolTransaction? _replacement;

    internal SpoolTransaction(SpoolDirectory spool)
    {
        _spool = spool;
        _buffer = new BodyBuffer(spool);
        _file = new BodyFile(spool);
    }

    private enum State
    {
        Pooled,
        Writing,
        Flushing,
        Discarding,
        Committing,
        Committed,
    }

    public QueueId Id { get; private set; }

    /// <summary>Octets written so far.</summary>
    public long Length => _file.Length + _buffer.Length;

    internal SpoolDirectory Directory => _spool;

    internal bool MayUseReserve { get; private set; }

    internal long EnqueuedAt { get; private set; }

    /// <summary>The body is in its own file; known once it is being committed.</summary>
    internal bool HasOwnFile => _message!.OwnFile;

    /// <summary>What the message takes in the log; known once it is being committed.</summary>
    internal long RecordLength => RecordHeader.PaddedLength(RecordFields.MessageLength + _message!.Envelope.Bytes.Length, _message.OwnFile ? 0 : _buffer.Length);

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        if (_state == State.Discarding || _failure != SpoolFailure.None)
        {
            _buffer.Reset();
        }
        else if (_state != State.Writing)
        {
            throw new InvalidOperationException("The transaction isn't open for writing.");
        }

        if (_buffer.Free.Length < Math.Max(sizeHint, 1))
        {
            Grow(Math.Max(sizeHint, 1));
        }

        return _buffer.Free;
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)_buffer.Free.Length, nameof(count));
        if (_state != State.Discarding && _failure == SpoolFailure.None)
        {
            _buffer.Advance(count);
        }
    }

    /// <summary>Back-pressure: completes at once while the body is in memory, otherwise when enough of it is in its file.</summary>
    public ValueTask FlushAsync()
    {
        if (_state != State.Writing || _failure != SpoolFailure.None || !MustWrite())
        {
            return ValueTask.CompletedTask;
        }

        _source.Reset();
        _state = State.Flushing;
        _spool.Bodies.Enqueue(this);
        return new ValueTask(this, _source.Version);
    }

    /// <summary>Forgets the content; what is still written is swallowed. Only Dispose makes sense after it.</summary>
    public void Abort()
    {
        if (_state != State.Writing)
        {
            return;
        }

        _state = State.Discarding;
        _buffer.Reset();
        _file.Discard();
    }

    /// <summary>
    /// Reads back what was written so far, the whole span. False when the disk doesn't give it: the message can't be committed any more. On the caller's thread.
    /// </summary>
    public bool TryRead(long offset, Span<byte> into)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + into.Length, Length, nameof(offset));
        int fromFile = (int)Math.Clamp(_file.Length - offset, 0, into.Length);
        if (_state != State.Writing || _failure != SpoolFailure.None)
        {
            return false;
        }

        if (fromFile > 0 && _file.Read(offset, into[..fromFile]) is var error and not 0)
        {
            SpoolLog.BodyNotWritten(_spool.Log, Id, Errno.Text(error));
            _failure = SpoolFailure.Failed;
            return false;
        }

        _buffer.Written.Slice((int)Math.Max(0, offset - _file.Length), into.Length - fromFile).CopyTo(into[fromFile..]);
        return true;
    }

    /// <summary>
    /// The content of another transaction (<see cref="MessageSpool.BeginBeside"/>) takes the place of this one's, which keeps its id. The other one is to be disposed then. What went wrong there goes wrong here.
    /// </summary>
    public ValueTask ReplaceAsync(SpoolTransaction other)
    {
        if (_state != State.Writing || other._state != State.Writing || other._spool != _spool || other._front + _front > 0)
        {
            throw new InvalidOperationException("The transactions aren't open for writing side by side.");
        }

        _failure = _failure != SpoolFailure.None ? _failure : other._failure;
        if (_failure != SpoolFailure.None)
        {
            return ValueTask.CompletedTask;
        }

        if (!_file.IsOpen && !other._file.IsOpen)
        {
            _buffer.Take(other._buffer);
            return ValueTask.CompletedTask;
        }

        _source.Reset();
        _replacement = other;
        _state = State.Flushing;
        _spool.Bodies.Enqueue(this);
        return new ValueTask(this, _source.Version);
    }

    /// <summary>
    /// Puts header fields in front of the body that are known only at its end: signatures. At most once, when all has been written and before the commit. A body that is in its own file already can't make
    /// room any more: there they lie behind it, and the record says so.
    /// </summary>
    public void Prepend(ReadOnlySpan<byte> fields)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(fields.Length, ushort.MaxValue, nameof(fields));
        if (_state == State.Discarding || _failure != SpoolFailure.None)
        {
            return;
        }

        if (_state != State.Writing || _front > 0)
        {
            throw new InvalidOperationException("The transaction isn't open for writing, or has its front already.");
        }

        if (_file.IsOpen)
        {
            this.Write(fields);
            _front = fields.Length;
        }
        else
        {
            _buffer.Prepend(fields);
        }
    }

    /// <summary>
    /// Makes the message durable: when this completes with a message, it is on the disk, and only then may it be acknowledged. Has to be awaited, since the
    /// message is then the caller's to deliver.
    /// The transaction has to be disposed afterwards.
    /// </summary>
    public ValueTask<CommitResult> CommitAsync(Envelope envelope, DateTimeOffset arrived, IPAddress? client)
    {
        if (_state != State.Writing)
        {
            throw new InvalidOperationException("The transaction isn't open for writing.");
        }

        ArgumentOutOfRangeException.ThrowIfZero(envelope.RecipientCount, nameof(envelope));
        SpoolFailure failure = _failure != SpoolFailure.None ? _failure : _spool.Condition.Answer(MayUseReserve);
        bool ownFile = _file.IsOpen || _buffer.Length > _spool.LongestInLog;
        _message = new SpooledMessage(Id, envelope, Length, arrived, client, ownFile) { Directory = _spool, FrontLength = (ushort)_front };
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RecordLength, BatchWriter.Capacity(_spool.Options.SegmentSize), nameof(envelope));
        if (failure != SpoolFailure.None)
        {
            _state = State.Committed;
            _message = null;
            return new ValueTask<CommitResult>(new CommitResult(null, failure));
        }

        _source.Reset();
        _state = State.Committing;
        EnqueuedAt = _spool.Time.GetTimestamp();
        if (ownFile)
        {
            _spool.Bodies.Enqueue(this);
        }
        else
        {
            _message.BodyCrc = Crc32C.Append(0, _buffer.Written);
            _spool.Queue.Enqueue(this);
        }

        return new ValueTask<CommitResult>(this, _source.Version);
    }

    /// <summary>Drops what was not committed and takes the transaction back.</summary>
    public void Dispose()
    {
        // With work under way on another thread, the end of that work cleans up.
        lock (_file)
        {
            if (_state is State.Flushing or State.Committing)
            {
                _abandoned = true;
                return;
            }

            if (_state == State.Pooled)
            {
                return;
            }

            Clear();
        }

        _spool.Return(this);
    }

    /// <param name="id">Of the message.</param>
    /// <param name="size">Octets that were declared (0: not known). A buffer of the right size at once spares copies, and smaller ones that nobody needs any more.</param>
    /// <param name="mayUseReserve">Space that is kept for what must be accepted.</param>
    internal void Begin(QueueId id, long size, bool mayUseReserve)
    {
        Id = id;
        _expected = size is 0 ? 0 : (int)Math.Min(size, MostExpected) + FieldsAllowance;
        MayUseReserve = mayUseReserve;
        _failure = SpoolFailure.None;
        _front = 0;
        _file.Begin(id);
        _state = State.Writing;
    }

    /// <summary>A body writer's thread: writes what is buffered; when the message is being committed, finishes the file and hands over to the committer.</summary>
    internal void WorkOnFile()
    {
        if (_replacement is { } other)
        {
            _replacement = null;
            SpoolFailure taking = _file.Take(other._file);
            if (taking == SpoolFailure.None)
            {
                _buffer.Take(other._buffer);
            }

            Finish(taking);
            return;
        }

        SpoolFailure failure = WriteOut();
        if (_state == State.Flushing)
        {
            _failure = failure;
            _buffer.Shrink();
            Finish(SpoolFailure.None);
            return;
        }

        if (failure == SpoolFailure.None)
        {
            failure = _file.Complete();
        }

        if (failure != SpoolFailure.None)
        {
            Finish(failure);
            return;
        }

        _message!.BodyCrc = _file.Crc;
        _spool.Queue.Enqueue(this);
    }

    /// <summary>The committer's thread: the message's record, into a segment that has room for it. Returns its offset.</summary>
    internal long WriteTo(BatchWriter writer, bool parked)
    {
        SpooledMessage message = _message!;
        Span<byte> fields = stackalloc byte[RecordFields.MessageLength];
        RecordFields.WriteMessage(fields, message);
        ReadOnlySpan<byte> body = message.OwnFile ? [] : _buffer.Written;
        RecordType type = message.OwnFile ? RecordType.LargeMessage : RecordType.Message;
        long offset = writer.Add(type, fields, message.Envelope.Bytes, body);
        message.LieIn(writer.Segment!, offset, new RecordHeader(type, fields.Length + message.Envelope.Bytes.Length, body.Length, 0, 0));
        _parked = parked;
        if (parked)
        {
            message.Segment!.Park(message);
        }
        else
        {
            message.Segment!.Add(message);
        }

        return offset;
    }

    /// <summary>The batch with the record failed.</summary>
    internal void Withdraw()
    {
        if (_parked)
        {
            _message!.Segment!.Unpark(_message);
        }
        else
        {
            _message!.Segment!.Remove(_message);
            _spool.Memory.Queue.Give();
        }
    }

    /// <summary>Ends the work under way; the session goes on in the thread pool. Any thread.</summary>
    internal void Finish(SpoolFailure failure)
    {
        Prepare(failure);
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Ends several commits that succeeded, with one work item.</summary>
    internal static void Finish(List<SpoolTransaction> transactions, int start, int count)
    {
        for (int i = start; i < start + count; i++)
        {
            transactions[i].Prepare(SpoolFailure.None);
            transactions[i]._next = i + 1 < start + count ? transactions[i + 1] : null;
        }

        ThreadPool.UnsafeQueueUserWorkItem(transactions[start], preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute()
    {
        SpoolTransaction? transaction = this;
        while (transaction is not null)
        {
            // Read first: the session may dispose the transaction, and another take it, before SetResult returns.
            SpoolTransaction? next = transaction._next;
            transaction._next = null;
            transaction.Resume();
            transaction = next;
        }
    }

    CommitResult IValueTaskSource<CommitResult>.GetResult(short token) => _source.GetResult(token);

    void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<CommitResult>.GetStatus(short token) => _source.GetStatus(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<CommitResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private bool MustWrite() => _file.IsOpen
        ? _buffer.Length >= Math.Min(BodyBuffer.Piece, _buffer.Capacity / 2)
        : _buffer.Length > _spool.LongestInLog || (_buffer.OverBudget && _buffer.Length > 0);

    private void Prepare(SpoolFailure failure)
    {
        if (_state != State.Committing)
        {
            if (failure != SpoolFailure.None)
            {
                _failure = failure;
            }

            return;
        }

        _result = failure == SpoolFailure.None ? new CommitResult(_message, failure, _parked) : new CommitResult(null, failure);
        if (failure == SpoolFailure.None)
        {
            _file.Keep();
            if (!_parked && !_message!.OwnFile && _buffer.Length > 0 && _spool.Memory.Cache.TryTake(_buffer.Capacity))
            {
                // The buffer goes along as the copy in memory: the first delivery reads nothing.
                _message.Cache(_buffer.Detach());
            }
        }

        _message = null;
    }

    private void Resume()
    {
        lock (_file)
        {
            _state = _state == State.Committing ? State.Committed : State.Writing;
            if (_abandoned)
            {
                // Not pooled: the session may still hold the ValueTask.
                Clear();
            }
        }

        _source.SetResult(_result);
    }

    private SpoolFailure WriteOut()
    {
        SpoolFailure failure = _file.Append(_buffer.Written);
        _buffer.Reset();
        return failure;
    }

    private void Grow(int need)
    {
        if (_buffer.Length > 0 && _buffer.Length + need > MostUnflushed)
        {
            _failure = WriteOut();
            if (_buffer.Capacity >= need)
            {
                return;
            }
        }

        _buffer.Grow(_buffer.Capacity > 0 ? need : Math.Max(need, _expected), _file.IsOpen);
    }

    private void Clear()
    {
        _file.Discard();
        _buffer.Release();
        _message = null;
        _result = default;
        _state = State.Pooled;
        _spool.End();
    }
}

using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// One folder of the spool: its log, its threads, its lock, and what its transactions share. It knows nothing of the other folders; <see cref="MessageSpool"/>
/// chooses among them. Any thread.
/// </summary>
internal sealed class SpoolDirectory : IAsyncDisposable
{
    // Enough for all sessions that are inside DATA at one time; more are simply made.
    private const int MostPooled = 4096;

    private readonly ConcurrentQueue<SpoolTransaction> _pool = new();
    private readonly Committer _committer;
    private readonly Compactor _compactor;
    private readonly int _lock;
    private readonly CancellationTokenSource _stopping = new();
    private SpoolRecovery? _found;
    private Task _recovery = Task.CompletedTask;
    private Task _readBack = Task.CompletedTask;
    private int _transactions;

    private SpoolDirectory(
        SpoolFiles files, SpoolOptions options, SpoolMemory memory, QueueIds ids, int lockFile, SpoolRecovery recovery, TimeProvider time, ILogger log, Action<SpoolBatch>? observer)
    {
        _lock = lockFile;
        _found = recovery;
        Options = options;
        Files = files;
        Memory = memory;
        Time = time;
        Log = log;
        Condition = new SpoolCondition(files.Folder, log);
        var maker = new SegmentMaker(files, options.SegmentSize, recovery.LastNumber, ids);
        Segments = new SegmentStore(maker, files, Condition, log, recovery.Segments, recovery.Empty);
        Tail = new SpoolTail(memory.Queue, Segments, files.Folder, log);
        var writer = new BatchWriter(files, recovery.Durable, recovery.LastSequence);
        Queue = new CommitQueue(Condition);
        _committer = new Committer(Queue, files, writer, Segments, Tail, Condition, ids, time, observer, log);
        _compactor = new Compactor(files, Segments, Queue, Condition, ids, log);
        int error = Segments.Start();
        if (error != 0)
        {
            throw new IOException($"spool {files.Folder} can't be written: {Errno.Text(error)}");
        }

        // Begun here, so that the first message doesn't wait until the reserve is made as well.
        writer.Use(Segments.Take(mayUseReserve: true)!);
        _committer.Start();
        Bodies.Start();
        _compactor.Start();
    }

    internal SpoolOptions Options { get; }

    internal SpoolFiles Files { get; }

    internal SpoolMemory Memory { get; }

    internal SpoolCondition Condition { get; }

    internal SegmentStore Segments { get; }

    internal SpoolTail Tail { get; }

    internal CommitQueue Queue { get; }

    internal BodyWriters Bodies { get; } = new();

    internal TimeProvider Time { get; }

    internal ILogger Log { get; }

    /// <summary>A quarter of a segment at most, so that segments of a test's size still hold several.</summary>
    internal int LongestInLog => Math.Min(SpoolTransaction.LongestInLog, Options.SegmentSize / 4);

    /// <summary>Transactions that were begun and have not ended: what gathers where the disk is slow.</summary>
    internal int Transactions => Volatile.Read(ref _transactions);

    /// <summary>Opens a folder, making it when it isn't there, and recovers what is in it. Throws IOException with one line that says why not.</summary>
    internal static SpoolDirectory Open(
        SpoolFiles files, SpoolOptions options, SpoolMemory memory, QueueIds ids, TimeProvider time, ILogger log, Action<SpoolBatch>? observer)
    {
        int lockFile = TakeLock(files);
        try
        {
            if (files.OpenFolder() is var error and not 0)
            {
                throw new IOException($"spool {files.Folder} can't be opened: {Errno.Text(error)}");
            }

            var recovery = new SpoolRecovery(files, log);
            recovery.Run();
            ids.StartAbove(recovery.LastId);
            var directory = new SpoolDirectory(files, options, memory, ids, lockFile, recovery, time, log, observer);
            SpoolLog.Opened(log, files.Folder, directory.Segments.Count, options.Durability);
            return directory;
        }
        catch
        {
            files.CloseFolder();
            files.Storage.Close(lockFile);
            throw;
        }
    }

    /// <summary>
    /// What a new message of so many octets is answered now. One that gets a file of its own must leave room for another segment, or large mail would take the
    /// space that everything else needs. Asks the file system, which has the answer in memory.
    /// </summary>
    internal SpoolFailure Answer(long size, bool mayUseReserve)
    {
        SpoolFailure answer = Condition.Answer(mayUseReserve);
        bool ownFile = size > LongestInLog && answer == SpoolFailure.None;
        return ownFile && Files.Storage.Free(Files.Folder, out long free) == 0 && free - Options.SegmentSize < size ? SpoolFailure.Full : answer;
    }

    /// <summary>Reads the mail that was there at start, on a thread of its own. Once.</summary>
    internal Task RecoverAsync(Action<RecoveredMessage> found, CancellationToken stop)
    {
        SpoolRecovery start = Interlocked.Exchange(ref _found, null) ?? throw new InvalidOperationException("The spool is recovered once.");
        Segments.MakeAhead();
        var recovery = new MailRecovery(this, start.Segments, start.Bodies, start.IsDamaged);
        _recovery = OnThread(either => recovery.Run(found, either), stop);
        return _recovery;
    }

    /// <summary>Gives parked mail out as there is room, on a thread of its own, until it is stopped. Once.</summary>
    internal Task ReadBackAsync(Action<RecoveredMessage> found, CancellationToken stop)
    {
        _readBack = OnThread(either => new TailReader(this, found, either).Run(), stop);
        return _readBack;
    }

    /// <summary>A transaction to begin; each owes one <see cref="End"/>.</summary>
    internal SpoolTransaction Rent()
    {
        Interlocked.Increment(ref _transactions);
        return _pool.TryDequeue(out SpoolTransaction? transaction) ? transaction : new SpoolTransaction(this);
    }

    /// <summary>A transaction is over.</summary>
    internal void End() => Interlocked.Decrement(ref _transactions);

    /// <summary>Takes a transaction back that is over and that nobody holds.</summary>
    internal void Return(SpoolTransaction transaction)
    {
        if (_pool.Count < MostPooled)
        {
            _pool.Enqueue(transaction);
        }
    }

    /// <summary>A message that is in memory; null when none of this id is.</summary>
    internal SpooledMessage? Find(QueueId id)
    {
        foreach (Segment segment in Segments.All())
        {
            if (segment.Find(id) is { } message)
            {
                return message;
            }
        }

        return null;
    }

    /// <summary>A copy of a message that is on disk alone; null when none of this id is. Reads the records of the segment it may be in, on the caller's thread.</summary>
    internal SpooledMessage? FindParked(QueueId id)
    {
        SpooledMessage? found = null;
        foreach ((Segment segment, long from, long to) in Tail.Hold(id))
        {
            found ??= ReadParked(segment, from, to, id);
            Segments.Release(segment);
        }

        return found;
    }

    internal void Update(SpooledMessage message, ReadOnlySpan<RecipientUpdate> updates)
    {
        if (Queue.Settle(message, updates))
        {
            Forget(message);
        }
    }

    internal void Remove(SpooledMessage message)
    {
        if (Queue.Remove(message))
        {
            Forget(message);
        }
    }

    /// <summary>Writes what is owed, ends the threads, gives up the lock. Once.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _recovery.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _readBack.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Bodies.StopAsync().ConfigureAwait(false);
        await _compactor.StopAsync().ConfigureAwait(false);
        Queue.Stop();
        await _committer.Ended.ConfigureAwait(false);
        await Segments.StopAsync().ConfigureAwait(false);
        Files.CloseFolder();
        Files.Storage.Close(_lock);
        _stopping.Dispose();
    }

    private static int TakeLock(SpoolFiles files)
    {
        string folder = files.Folder;
        int error = files.Storage.CreateDirectory(folder);
        bool made = error == 0;
        int file = -1;
        if (error is 0 or Errno.Exists)
        {
            error = files.Storage.Open(files.LockPath, OpenMode.OpenOrCreate, out file);
        }

        if (error != 0)
        {
            throw new IOException(error == Errno.NotDirectory ? $"spool {folder} is not a folder" : $"spool {folder} can't be used: {Errno.Text(error)}");
        }

        error = files.Storage.Lock(file);
        if (error != 0)
        {
            files.Storage.Close(file);
            throw new IOException(error == Errno.WouldBlock ? $"spool {folder} is in use by another instance" : $"spool {folder} can't be locked: {Errno.Text(error)}");
        }

        // The folder's own name has to survive too.
        if (made && Path.GetDirectoryName(folder) is { Length: > 0 } parent && files.SyncOther(parent) is var failed and not 0)
        {
            files.Storage.Close(file);
            throw new IOException($"folder {parent} can't be synced: {Errno.Text(failed)}");
        }

        return file;
    }

    private SpooledMessage? ReadParked(Segment segment, long from, long to, QueueId id)
    {
        var window = new SegmentWindow(Files, segment);
        for (long at = from; at < to && window.TryRecord(at, out RecordHeader header);)
        {
            if (header.Type is RecordType.Message or RecordType.LargeMessage && RecordFields.ReadId(window.Bytes(at + RecordHeader.Length, header.FieldLength)) == id &&
                RecordFields.ReadMessage(header.Type, window.Bytes(at + RecordHeader.Length, header.FieldLength)) is { } message)
            {
                message.LieIn(segment, at, header);
                message.Directory = this;
                return message;
            }

            at = BatchWriter.After(at, header);
        }

        return null;
    }

    private Task OnThread(Action<CancellationToken> work, CancellationToken stop) => Task.Factory.StartNew(
        () =>
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, _stopping.Token);
            work(either.Token);
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Forget(SpooledMessage message)
    {
        Memory.Queue.Give();
        Memory.ReleaseCache(message.Uncache());
        Segment segment = message.Segment!;
        segment.Remove(message);
        if (segment.IsIdle)
        {
            Segments.Emptied(segment);
        }
    }
}

using Microsoft.Extensions.Logging;

namespace Relay.Spool;

/// <summary>
/// The crash-proof store of accepted mail: an append-only log with group commit; README.md beside this file has the states and what a crash leaves. Open it, take what
/// <see cref="Scan"/> finds, then begin transactions. All members are for any thread; one message is settled by callers that may run at once.
/// What the disk does is a value (<see cref="CommitResult"/>, <see cref="Health"/>); exceptions are for opening a spool that can't be used, and for reading a
/// body that is damaged.
/// </summary>
internal sealed class MessageSpool : IAsyncDisposable
{
    // Free buffers that are kept for reuse.
    private const long Retained = 32L * 1024 * 1024;

    private readonly SpoolContext _context;
    private readonly QueueIds _ids;
    private readonly int _lock;
    private List<RecoveredMessage>? _recovered;
    private int _disposed;

    private MessageSpool(SpoolContext context, QueueIds ids, int lockFile, List<RecoveredMessage> recovered)
    {
        _context = context;
        _ids = ids;
        _lock = lockFile;
        _recovered = recovered;
    }

    /// <summary>Whether mail can be accepted; cheap enough to ask for every message.</summary>
    public SpoolHealth Health => _context.Condition.Health;

    /// <summary>Octets of memory that hold bodies which are being received.</summary>
    public long ReceivingOctets => _context.BufferBudget.Taken;

    /// <summary>Octets of memory that hold bodies of accepted messages.</summary>
    public long CachedOctets => _context.CacheBudget.Taken;

    /// <summary>
    /// Opens a folder, making it when it isn't there, and recovers what is in it. Throws IOException with one line that says why not: in use by another
    /// instance, not a folder,
    /// not writable, no space for a first segment. The observer is called once a batch, on the committer's thread: it must be quick and not throw.
    /// </summary>
    public static MessageSpool Open(SpoolOptions options, IStorage storage, TimeProvider time, ILogger log, Action<SpoolBatch>? observer = null)
    {
        if (options.SegmentSize < 4 * SegmentHeader.DataStart || options.SegmentSize % SegmentHeader.DataStart != 0)
        {
            throw new ArgumentException($"a segment is a multiple of {SegmentHeader.DataStart} octets, not {options.SegmentSize}", nameof(options));
        }

        var files = new SpoolFiles(storage, options.Path, options.Durability);
        int lockFile = TakeLock(files);
        try
        {
            var recovery = new SpoolRecovery(files, log);
            recovery.Run();
            MessageSpool spool = Start(options, files, lockFile, recovery, time, log, observer);
            SpoolLog.Opened(log, options.Path, recovery.Messages.Count, spool._context.Segments.Count, options.Durability);
            return spool;
        }
        catch
        {
            storage.Close(lockFile);
            throw;
        }
    }

    /// <summary>
    /// A new transaction with the next id. <paramref name="mayUseReserve"/> is for our own notifications, which must still be stored when the disk is full, or
    /// the mail they are about could never leave it.
    /// </summary>
    public SpoolTransaction Begin(bool mayUseReserve = false)
    {
        SpoolTransaction transaction = _context.Rent();
        transaction.Begin(_ids.Next(), mayUseReserve);
        return transaction;
    }

    /// <summary>Every accepted message that has recipients to deliver to, by id. Once; the spool forgets the list.</summary>
    public IEnumerable<RecoveredMessage> Scan() =>
        Interlocked.Exchange(ref _recovered, null) ?? throw new InvalidOperationException("The spool is scanned once.");

    /// <summary>A reader of the body, the caller's to dispose. Opens no file yet.</summary>
    public SpoolBody OpenBody(SpooledMessage message) => new(_context, message);

    /// <summary>Drops the copy in memory: a message that waits is read from disk when its time comes.</summary>
    public void ReleaseBody(SpooledMessage message) => _context.ReleaseCache(message.Uncache());

    /// <summary>
    /// Records what became of recipients: durable with the next batch, at the latest after 50 ms. With its last recipient the message is gone. A recipient
    /// that is final stays as it is.
    /// </summary>
    public void Update(SpooledMessage message, ReadOnlySpan<RecipientUpdate> updates)
    {
        if (_context.Queue.Settle(message, updates))
        {
            Forget(message);
        }
    }

    /// <summary>The message is gone with all that was left of it; durable as an update is.</summary>
    public void Remove(SpooledMessage message)
    {
        if (_context.Queue.Remove(message))
        {
            Forget(message);
        }
    }

    /// <summary>Completes when everything appended so far is durable; IOException when it can't be made so.</summary>
    public ValueTask FlushAsync() => new(_context.Queue.FlushAsync());

    /// <summary>Writes what is owed, ends the threads, gives up the lock. Transactions still open fail when they are committed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _context.Bodies.StopAsync().ConfigureAwait(false);
        _context.Queue.Stop();
        await _context.Committer.Ended.ConfigureAwait(false);
        await _context.Segments.StopAsync().ConfigureAwait(false);
        _context.Files.Storage.Close(_lock);
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

    private static MessageSpool Start(
        SpoolOptions options, SpoolFiles files, int lockFile, SpoolRecovery recovery, TimeProvider time, ILogger log, Action<SpoolBatch>? observer)
    {
        var condition = new SpoolCondition(log);
        var ids = new QueueIds(time, recovery.LastId);
        var maker = new SegmentMaker(files, options.SegmentSize, recovery.LastNumber, ids);
        var segments = new SegmentStore(maker, files, condition, log, recovery.InLog, recovery.Empty);
        var writer = new BatchWriter(files, recovery.Durable, recovery.LastSequence);
        var queue = new CommitQueue(condition);
        var context = new SpoolContext
        {
            Options = options,
            Files = files,
            Condition = condition,
            Segments = segments,
            Queue = queue,
            Committer = new Committer(queue, writer, segments, condition, ids, time, observer, log),
            Bodies = new BodyWriters(),
            Buffers = new BufferPool(Retained),
            BufferBudget = new MemoryBudget(options.BufferBudget),
            CacheBudget = new MemoryBudget(options.CacheBudget),
            Time = time,
            Log = log,
        };
        int error = segments.Start();
        if (error != 0)
        {
            throw new IOException($"spool {files.Folder} can't be written: {Errno.Text(error)}");
        }

        // Begun here, so that the first message doesn't wait until the reserve is made as well.
        writer.Use(segments.Take(mayUseReserve: true)!);
        context.Committer.Start();
        context.Bodies.Start();
        foreach (SpooledMessage lost in recovery.Lost)
        {
            context.Queue.Remove(lost);
        }

        return new MessageSpool(context, ids, lockFile, recovery.Messages);
    }

    private void Forget(SpooledMessage message)
    {
        ReleaseBody(message);
        if (Interlocked.Decrement(ref message.Segment!.Live) == 0)
        {
            _context.Segments.Emptied(message.Segment);
        }
    }
}

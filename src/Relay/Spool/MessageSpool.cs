using Microsoft.Extensions.Logging;
using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// The crash-proof store of accepted mail, in one folder or in several (one for each disk), every one an append-only log with group commit; README.md beside this
/// file has the states and what a crash leaves. Open it, begin transactions, and take what <see cref="RecoverAsync"/> finds. All members are for any thread; one message
/// is settled by callers that may run at once. What the disk does is a value (<see cref="CommitResult"/>, <see cref="Health"/>); exceptions are for opening a
/// spool that can't be used, and for reading a body that is damaged.
/// </summary>
internal sealed class MessageSpool : IAsyncDisposable
{
    private readonly SpoolDirectory[] _directories;
    private readonly SpoolMemory _memory;
    private readonly QueueIds _ids;
    private uint _turn;
    private int _disposed;

    private MessageSpool(SpoolDirectory[] directories, SpoolMemory memory, QueueIds ids)
    {
        _directories = directories;
        _memory = memory;
        _ids = ids;
    }

    /// <summary>Whether mail can be accepted: healthy as long as one folder takes it. The reason names what is wrong with any. It is made for being read: ask <see cref="Answer"/> for every message.</summary>
    public SpoolHealth Health
    {
        get
        {
            if (_directories.Length == 1)
            {
                return _directories[0].Condition.Health;
            }

            string reason = string.Join("; ", _directories.Select(static d => (d.Files.Folder, d.Condition.Health)).Where(static d => d.Health.Status != SpoolStatus.Healthy)
                .Select(static d => $"{d.Folder}: {d.Health.Reason}"));
            return new SpoolHealth(_directories.Min(static d => d.Condition.Health.Status), reason);
        }
    }

    /// <summary>Folders that are in a state.</summary>
    public int Count(SpoolStatus status) => _directories.Count(d => d.Condition.Health.Status == status);

    /// <summary>Octets of memory that hold bodies which are being received.</summary>
    public long ReceivingOctets => _memory.Receiving.Taken;

    /// <summary>Octets of memory that hold bodies of accepted messages.</summary>
    public long CachedOctets => _memory.Cache.Taken;

    /// <summary>Messages in memory: those that were given out and are not gone.</summary>
    public long Messages => _memory.Queue.Taken;

    /// <summary>Messages that wait on disk alone, but for those of before that have not been found yet.</summary>
    public long Parked => _memory.Queue.Parked;

    /// <summary>How long to hold back the acknowledgement of a new message; nothing while all of the queue is in memory.</summary>
    public TimeSpan Pause => _memory.Queue.Pause;

    /// <summary>
    /// Opens the folders, making those that aren't there, and finds where their logs end. Throws IOException with one line that says why not: in use by another
    /// instance, not a folder, not writable, no space for a first segment, or one missing of those that belong together. The observer is called once a batch, on a
    /// committer's thread: it must be quick and not throw.
    /// </summary>
    public static MessageSpool Open(SpoolOptions options, IStorage storage, TimeProvider time, ILogger log, Action<SpoolBatch>? observer = null)
    {
        if (options.SegmentSize < 4 * SegmentHeader.DataStart || options.SegmentSize % SegmentHeader.DataStart != 0)
        {
            throw new ArgumentException($"a segment is a multiple of {SegmentHeader.DataStart} octets, not {options.SegmentSize}", nameof(options));
        }

        ArgumentOutOfRangeException.ThrowIfZero(options.Paths.Count, nameof(options));
        SpoolFiles[] files = [.. options.Paths.Select(p => new SpoolFiles(storage, p, options.Durability))];
        SpoolMembers[] members = SpoolMembers.Check(files);
        var memory = new SpoolMemory(options);
        var ids = new QueueIds(time);
        var opened = new List<SpoolDirectory>();
        try
        {
            foreach (SpoolFiles folder in files)
            {
                opened.Add(SpoolDirectory.Open(folder, options, memory, ids, time, log, observer));
            }

            SpoolMembers.Join(files, members);
        }
        catch
        {
            foreach (SpoolDirectory directory in opened)
            {
                // Its threads need no pool thread to end.
                directory.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }

            throw;
        }

        return new MessageSpool([.. opened], memory, ids);
    }

    /// <summary>
    /// A new transaction with the next id, in the folder that takes mail of the declared <paramref name="size"/> and has the fewest under way.
    /// <paramref name="mayUseReserve"/> is for our own notifications, which must still be stored when the disk is full, or the mail they are about could never
    /// leave it.
    /// </summary>
    public SpoolTransaction Begin(long size = 0, bool mayUseReserve = false)
    {
        SpoolTransaction transaction = Choose(size, mayUseReserve).Rent();
        transaction.Begin(_ids.Next(), size, mayUseReserve);
        return transaction;
    }

    /// <summary>A second transaction in the folder of another one, for what is to take the place of that one's content (<see cref="SpoolTransaction.ReplaceAsync"/>).</summary>
    public SpoolTransaction BeginBeside(SpoolTransaction other)
    {
        SpoolTransaction transaction = other.Directory.Rent();
        transaction.Begin(_ids.Next(), size: other.Length, mayUseReserve: false);
        return transaction;
    }

    /// <summary>Whether a message of a declared size (0: not known) can be accepted now; None when it can. That it then will be is not promised: others take space too.</summary>
    public SpoolFailure Answer(long size)
    {
        SpoolFailure best = SpoolFailure.Failed;
        foreach (SpoolDirectory directory in _directories)
        {
            SpoolFailure answer = directory.Answer(size, mayUseReserve: false);
            best = answer < best ? answer : best;
        }

        return best;
    }

    /// <summary>
    /// Reads the mail that was there at start, while new mail is accepted already, and gives every message with recipients to deliver to to <paramref name="found"/>: on a thread for each folder,
    /// the oldest first in each, waiting where there is no room in memory. A message may be settled as soon as it was given. Once; completes when all was found, or early when it is stopped.
    /// </summary>
    public Task RecoverAsync(Action<RecoveredMessage> found, CancellationToken stop) => Task.WhenAll(_directories.Select(d => d.RecoverAsync(found, stop)));

    /// <summary>
    /// Gives out what was parked (<see cref="CommitResult.IsParked"/>), as what is in memory goes and leaves room: on a thread for each folder, in the order in which it came, until it is stopped. Once,
    /// when <see cref="RecoverAsync"/> has found all that is older. A message may be settled as soon as it was given.
    /// </summary>
    public Task ReadBackAsync(Action<RecoveredMessage> found, CancellationToken stop) => Task.WhenAll(_directories.Select(d => d.ReadBackAsync(found, stop)));

    /// <summary>A reader of the body, the caller's to dispose. Opens no file yet.</summary>
    public SpoolBody OpenBody(SpooledMessage message) => new(message.Directory!, message);

    /// <summary>Drops the copy in memory: a message that waits is read from disk when its time comes.</summary>
    public void ReleaseBody(SpooledMessage message) => _memory.ReleaseCache(message.Uncache());

    /// <summary>
    /// Records what became of recipients: durable with the next batch, at the latest after 50 ms. With its last recipient the message is gone. A recipient
    /// that is final stays as it is. When the message's folder has failed, it is remembered in memory only: a restart delivers again.
    /// </summary>
    public void Update(SpooledMessage message, ReadOnlySpan<RecipientUpdate> updates) => message.Directory!.Update(message, updates);

    /// <summary>The message is gone with all that was left of it; durable as an update is.</summary>
    public void Remove(SpooledMessage message) => message.Directory!.Remove(message);

    /// <summary>A message that is not gone, by its id; null when there is none. Mail of before that recovery has not found yet isn't found here either. May read the disk on the caller's thread, where mail is parked.</summary>
    public FoundMessage? Find(QueueId id)
    {
        // Asked before the first look: what was parked then may be read back before the second.
        bool parked = Parked > 0;
        if (FindInMemory(id) is { } there)
        {
            return new FoundMessage(there, IsParked: false);
        }

        SpooledMessage? onDisk = parked ? _directories.Select(d => d.FindParked(id)).FirstOrDefault(static m => m is not null) : null;
        return !parked ? null
            : FindInMemory(id) is { } back ? new FoundMessage(back, IsParked: false)
            : onDisk is not null ? new FoundMessage(onDisk, IsParked: true)
            : null;
    }

    /// <summary>All messages in memory, segment by segment. One that is moved in the log meanwhile may come twice or not at all.</summary>
    public IEnumerable<SpooledMessage> All() => _directories.SelectMany(static d => d.Segments.All()).SelectMany(static s => s.Messages());

    /// <summary>The highest id given out.</summary>
    public QueueId LastId => new(_ids.Last);

    /// <summary>
    /// Records an operator's word (None: whatever was said doesn't hold any more) on those recipients that are not final and that <paramref name="which"/> selects by their places; durable as an update is. Holding ends with
    /// any other word, the others are for good. Gives those of which it is new.
    /// </summary>
    public static IReadOnlyList<int> Order(SpooledMessage message, RecipientOrder order, Predicate<int> which, DateTimeOffset now) => message.Directory!.Queue.Order(message, order, which, now);

    /// <summary>What an operator wants of a recipient.</summary>
    public static RecipientOrder OrderOf(SpooledMessage message, int recipient) => message.Ordered == 0 ? RecipientOrder.None : message.Directory!.Queue.OrderOf(message, recipient);

    /// <summary>The recipients that are not final; none when the message is gone.</summary>
    public static IReadOnlyList<PendingRecipient> Pending(SpooledMessage message) => message.Directory!.Queue.Pending(message);

    /// <summary>Completes when everything appended so far is durable; IOException when it can't be made so, in whichever folder.</summary>
    public ValueTask FlushAsync() => new(Task.WhenAll(_directories.Select(static d => d.Queue.FlushAsync())));

    /// <summary>Writes what is owed, ends the threads, gives up the locks. Transactions still open fail when they are committed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await Task.WhenAll(_directories.Select(static d => d.DisposeAsync().AsTask())).ConfigureAwait(false);
        }
    }

    private SpooledMessage? FindInMemory(QueueId id)
    {
        foreach (SpoolDirectory directory in _directories)
        {
            if (directory.Find(id) is { } message)
            {
                return message;
            }
        }

        return null;
    }

    private SpoolDirectory Choose(long size, bool mayUseReserve)
    {
        if (_directories.Length == 1)
        {
            return _directories[0];
        }

        // Where all is equal, in turn.
        uint first = Interlocked.Increment(ref _turn);
        SpoolDirectory? best = null;
        (SpoolFailure Answer, int Transactions) least = default;
        for (int i = 0; i < _directories.Length; i++)
        {
            SpoolDirectory directory = _directories[(first + (uint)i) % (uint)_directories.Length];
            (SpoolFailure Answer, int Transactions) load = (directory.Answer(size, mayUseReserve), directory.Transactions);
            if (best is null || load.CompareTo(least) < 0)
            {
                (best, least) = (directory, load);
            }
        }

        return best!;
    }
}

using System.Net;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;

namespace Relay.Spool;

/// <summary>
/// An accepted message: what the queue holds of it. The body is on disk; a copy in memory may go along for the first delivery. What a user sees never changes;
/// the rest belongs to the spool, and is under its gate (<see cref="CommitQueue"/>) but for the copy in memory.
/// </summary>
internal sealed class SpooledMessage
{
    private readonly long _arrived;
    private byte[]? _cache;
    private int _cacheUsers;
    private bool _cacheKept;
    private int _attempts;
    private ushort _turn;
    private ushort _ordered;
    private long _nextAttempt;
    private ulong _settled;
    private More? _more;
    private int _recordOffset;
    private int _recordLength;
    private int _bodyOffset;

    internal SpooledMessage(QueueId id, Envelope envelope, long size, DateTimeOffset arrived, IPAddress? client, bool ownFile)
    {
        Id = id;
        Envelope = envelope;
        Size = size;
        _arrived = arrived.UtcTicks;
        Client = client;
        OwnFile = ownFile;
        Unsettled = envelope.RecipientCount;
        if (envelope.IsHeld)
        {
            _nextAttempt = FirstAttempt;
            _ordered = (ushort)envelope.RecipientCount;
        }
    }

    public QueueId Id { get; }

    public Envelope Envelope { get; }

    /// <summary>Octets of the body.</summary>
    public long Size { get; }

    public DateTimeOffset Arrived => new(_arrived, TimeSpan.Zero);

    public IPAddress? Client { get; }

    /// <summary>The body is in its own file instead of behind its record.</summary>
    internal bool OwnFile { get; }

    internal uint BodyCrc { get; set; }

    /// <summary>So many octets at the end of an own file are the body's first: what was put in front of it when it was there.</summary>
    internal ushort FrontLength { get; init; }

    /// <summary>Where it lies; known once it is in the log.</summary>
    internal SpoolDirectory? Directory { get; set; }

    internal Segment? Segment { get; private set; }

    internal long RecordOffset => _recordOffset;

    internal long RecordLength => _recordLength;

    internal long BodyOffset => _bodyOffset;

    /// <summary>The segment's list of what is live in it; the segment's own.</summary>
    internal SpooledMessage? NextInSegment { get; set; }

    internal SpooledMessage? PreviousInSegment { get; set; }

    /// <summary>Recipients that are not final; 0 when the message is gone.</summary>
    internal int Unsettled { get; private set; }

    /// <summary>Rises with each change of a recipient's state, so that a copy can tell whether it is still true.</summary>
    internal ushort Changes { get; private set; }

    /// <summary>Recipients of which an operator has said what is to become of them. Any thread may look whether there are any; what was said is asked of the spool.</summary>
    internal int Ordered => Volatile.Read(ref _ordered);

    internal void LieIn(Segment segment, long offset, RecordHeader header)
    {
        Segment = segment;
        _recordOffset = (int)offset;
        _recordLength = (int)header.RecordLength;
        _bodyOffset = (int)offset + RecordHeader.Length + header.FieldLength;
    }

    /// <summary>Takes new states of recipients. A final one stays; of two deferrals that with more attempts holds, of two with as many that with the later word of an operator, so that the order in which records are read doesn't matter.</summary>
    internal void Apply(ReadOnlySpan<RecipientUpdate> updates)
    {
        foreach (RecipientUpdate update in updates)
        {
            if ((uint)update.Recipient >= (uint)Envelope.RecipientCount || IsSettled(update.Recipient))
            {
                continue;
            }

            Changes++;
            if (update.State == RecipientState.Pending)
            {
                Defer(update);
            }
            else
            {
                Settle(update.Recipient);
            }
        }
    }

    /// <summary>Ends all recipients.</summary>
    internal void End()
    {
        Changes++;
        Unsettled = 0;
    }

    /// <summary>What an operator wants of a recipient that is not final.</summary>
    internal RecipientOrder OrderOf(int recipient) => RecipientUpdate.OrderOf(Deferral(recipient).Next);

    /// <summary>A recipient as it would be with an operator's word; false when there is nothing to change: it is final, or it stands so already, or what was said before is stronger.</summary>
    internal bool TryOrder(int recipient, RecipientOrder order, DateTimeOffset now, out RecipientUpdate update)
    {
        (int attempts, int turn, long next) = Deferral(recipient);
        RecipientOrder before = RecipientUpdate.OrderOf(next);
        // No relay lives to see so many words about one recipient; from then on nothing can be said before the next attempt.
        bool may = !IsSettled(recipient) && turn < ushort.MaxValue && before != order && before is RecipientOrder.None or RecipientOrder.Hold;
        update = new RecipientUpdate(recipient, RecipientState.Pending, attempts, order == RecipientOrder.None ? now : RecipientUpdate.TimeOf(order), (ushort)(turn + 1));
        return may;
    }

    internal bool IsSettled(int recipient)
    {
        ulong word = recipient < 64 ? _settled : _more is null ? 0 : _more.Settled[(recipient / 64) - 1];
        return (word & (1UL << (recipient & 63))) != 0;
    }

    /// <summary>The recipients that are not final, at least one.</summary>
    internal PendingRecipient[] Pending()
    {
        var pending = new PendingRecipient[Unsettled];
        int next = 0;
        for (int i = 0; i < Envelope.RecipientCount; i++)
        {
            if (!IsSettled(i))
            {
                (int attempts, int turn, long at) = Deferral(i);
                pending[next++] = new PendingRecipient(i, attempts, attempts == 0 && turn == 0 && at == 0 ? Arrived : new DateTimeOffset(at, TimeSpan.Zero)) { WasOrdered = turn > 0 };
            }
        }

        return pending;
    }

    /// <summary>What a copy has to say of the recipients: which are final, which are deferred.</summary>
    internal RecipientUpdate[] States()
    {
        var states = new List<RecipientUpdate>();
        for (int i = 0; i < Envelope.RecipientCount; i++)
        {
            (int attempts, int turn, long at) = Deferral(i);
            if (IsSettled(i))
            {
                states.Add(new RecipientUpdate(i, RecipientState.Delivered, 0, default));
            }
            else if (attempts > 0 || turn > 0)
            {
                states.Add(new RecipientUpdate(i, RecipientState.Pending, attempts, new DateTimeOffset(at, TimeSpan.Zero), (ushort)turn));
            }
        }

        return [.. states];
    }

    /// <summary>Gives the message its body in memory, before anybody else knows the message.</summary>
    internal void Cache(byte[] body)
    {
        _cache = body;
        _cacheUsers = 1;
        _cacheKept = true;
    }

    /// <summary>Borrows the body in memory; each true owes one <see cref="Return"/>.</summary>
    internal bool TryBorrow(out byte[] body)
    {
        int users = Volatile.Read(ref _cacheUsers);
        while (users > 0)
        {
            // From 0 it never rises again, so a buffer that went back to the pool is never lent.
            int seen = Interlocked.CompareExchange(ref _cacheUsers, users + 1, users);
            if (seen == users)
            {
                body = _cache!;
                return true;
            }

            users = seen;
        }

        body = [];
        return false;
    }

    /// <summary>Gives back what was borrowed. Returns the buffer when nobody has it any more.</summary>
    internal byte[]? Return() => Interlocked.Decrement(ref _cacheUsers) == 0 ? Interlocked.Exchange(ref _cache, null) : null;

    /// <summary>Ends the caching; as <see cref="Return"/> for the spool's own hold, and safe to repeat.</summary>
    internal byte[]? Uncache() => Interlocked.Exchange(ref _cacheKept, false) ? Return() : null;

    private void Settle(int recipient)
    {
        Count(Deferral(recipient).Next, 0);
        ref ulong word = ref _settled;
        if (recipient >= 64)
        {
            _more ??= new More(Envelope.RecipientCount);
            word = ref _more.Settled[(recipient / 64) - 1];
        }

        word |= 1UL << (recipient & 63);
        Unsettled--;
    }

    private void Defer(RecipientUpdate update)
    {
        (int attempts, int turn, long before) = Deferral(update.Recipient);
        if (update.Attempts < attempts || (update.Attempts == attempts && update.Turn < turn))
        {
            return;
        }

        long next = update.NextAttempt.UtcTicks;
        Count(before, next);
        if (update.Recipient == 0)
        {
            _attempts = update.Attempts;
            _turn = update.Turn;
            _nextAttempt = next;
            return;
        }

        _more ??= new More(Envelope.RecipientCount);
        _more.Deferred[update.Recipient] = (update.Attempts, update.Turn, next);
    }

    private void Count(long before, long next)
    {
        int was = RecipientUpdate.OrderOf(before) == RecipientOrder.None ? 0 : 1;
        int becomes = RecipientUpdate.OrderOf(next) == RecipientOrder.None ? 0 : 1;
        if (was != becomes)
        {
            Volatile.Write(ref _ordered, (ushort)(_ordered + becomes - was));
        }
    }

    private (int Attempts, int Turn, long Next) Deferral(int recipient) =>
        recipient == 0 ? (_attempts, _turn, _nextAttempt)
        : _more is not null && _more.Deferred.TryGetValue(recipient, out (int, int, long) deferral) ? deferral
        : (0, 0, FirstAttempt);

    /// <summary>What stands for the time of the next attempt until somebody says another one: what is held from the start stands as if an operator had held it.</summary>
    private long FirstAttempt => Envelope.IsHeld ? RecipientUpdate.TimeOf(RecipientOrder.Hold).UtcTicks : 0;

    /// <summary>What only messages to several recipients need.</summary>
    private sealed class More(int recipients)
    {
        internal ulong[] Settled { get; } = recipients > 64 ? new ulong[(recipients - 1) / 64] : [];

        internal Dictionary<int, (int Attempts, int Turn, long Next)> Deferred { get; } = [];
    }
}

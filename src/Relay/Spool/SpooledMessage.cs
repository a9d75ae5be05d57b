using System.Net;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;

namespace Relay.Spool;

/// <summary>
/// An accepted message: what the queue holds of it. The body is on disk; a copy in memory may go along for the first delivery. What a user sees never changes;
/// the rest belongs to the spool.
/// </summary>
internal sealed class SpooledMessage
{
    private byte[]? _cache;
    private int _cacheUsers;
    private int _cacheKept;
    private ulong _settled;
    private ulong[]? _moreSettled;

    internal SpooledMessage(QueueId id, Envelope envelope, long size, DateTimeOffset arrived, IPAddress? client, bool ownFile)
    {
        Id = id;
        Envelope = envelope;
        Size = size;
        Arrived = arrived;
        Client = client;
        OwnFile = ownFile;
        Unsettled = envelope.RecipientCount;
    }

    public QueueId Id { get; }

    public Envelope Envelope { get; }

    /// <summary>Octets of the body.</summary>
    public long Size { get; }

    public DateTimeOffset Arrived { get; }

    public IPAddress? Client { get; }

    /// <summary>The body is in its own file instead of behind its record.</summary>
    internal bool OwnFile { get; }

    internal uint BodyCrc { get; set; }

    /// <summary>Where it lies; known once it is in the log.</summary>
    internal SpoolDirectory? Directory { get; set; }

    internal Segment? Segment { get; set; }

    internal long RecordOffset { get; set; }

    internal long RecordLength { get; set; }

    internal long BodyOffset { get; set; }

    /// <summary>Recipients that are not final; 0 when the message is gone. Under the spool's gate, as <see cref="Settle"/>.</summary>
    internal int Unsettled { get; set; }

    /// <summary>Makes a recipient final. False when it was before.</summary>
    internal bool Settle(int recipient)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)recipient, (uint)Envelope.RecipientCount, nameof(recipient));
        ref ulong word = ref _settled;
        if (recipient >= 64)
        {
            _moreSettled ??= new ulong[(Envelope.RecipientCount - 1) / 64];
            word = ref _moreSettled[(recipient / 64) - 1];
        }

        ulong bit = 1UL << (recipient & 63);
        if ((word & bit) != 0)
        {
            return false;
        }

        word |= bit;
        Unsettled--;
        return true;
    }

    internal bool IsSettled(int recipient)
    {
        ulong word = recipient < 64 ? _settled : _moreSettled is null ? 0 : _moreSettled[(recipient / 64) - 1];
        return (word & (1UL << (recipient & 63))) != 0;
    }

    /// <summary>Gives the message its body in memory, before anybody else knows the message.</summary>
    internal void Cache(byte[] body)
    {
        _cache = body;
        _cacheUsers = 1;
        _cacheKept = 1;
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
    internal byte[]? Uncache() => Interlocked.Exchange(ref _cacheKept, 0) == 1 ? Return() : null;
}

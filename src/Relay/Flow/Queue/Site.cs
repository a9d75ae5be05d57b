using System.Diagnostics.CodeAnalysis;
using Relay.Concurrency;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Queue;

/// <summary>
/// The hosts to which one or many domains' mail goes, the messages that may go there now, and the workers that send them. Filled from any thread without a lock; emptied by its workers, under a lock that is
/// held for a moment. Its limit of workers is learned, so that a site that answers nobody can't hold many of them.
/// </summary>
internal sealed class Site(SiteKey key) : Retirable
{
    /// <summary>Another connection is worth its handshakes when each of those there are has so many messages waiting.</summary>
    private const int MessagesPerWorker = 4;

    private readonly HandOver<QueuedMessage> _arriving = new();
    private readonly Lock _gate = new();
    private readonly FairQueue<QueuedMessage> _ready = new();
    private readonly HostHealth _health = new();
    private IReadOnlyList<HostTarget> _targets = [];
    private int _count;
    private int _workers;
    private int _connected;
    private int _limit = 5;
    private Suspension? _suspension;

    public SiteKey Key { get; } = key;

    /// <summary>Messages that are ready.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>A host of the site has answered lately: it may have more of what all sites share than one of which nothing is known.</summary>
    public bool IsProven { get; private set; }

    /// <summary>Where its hosts are, as looked up last.</summary>
    public void Use(IReadOnlyList<HostTarget> targets) => Volatile.Write(ref _targets, targets);

    public void Add(QueuedMessage message)
    {
        Interlocked.Increment(ref _count);
        _arriving.Push(message);
    }

    /// <summary>The next message, or false when none is ready.</summary>
    public bool TryTake([NotNullWhen(true)] out QueuedMessage? message)
    {
        lock (_gate)
        {
            for (QueuedMessage? item = _arriving.TakeAll(); item is not null;)
            {
                QueuedMessage? next = item.Next;
                item.Next = null;
                _ready.Add(item, tenant: 0, weight: 1, item.Message.Envelope.Priority, Cost(item));
                item = next;
            }

            if (_ready.TryTake(out message))
            {
                Interlocked.Decrement(ref _count);
                return true;
            }

            return false;
        }
    }

    /// <summary>Whether the caller shall start another worker. Each true owes one <see cref="EndWorker"/>. <paramref name="waited"/>: messages have waited, so that one more is wanted even for few.</summary>
    public bool TryBeginWorker(DateTimeOffset now, bool waited = false)
    {
        int workers = Volatile.Read(ref _workers);
        while (true)
        {
            int ready = Volatile.Read(ref _count);
            bool wanted = ready > 0 && (workers == 0 || (workers < Volatile.Read(ref _limit) && (waited || ready > workers * MessagesPerWorker) && !IsSuspended(now, out _)));
            if (!wanted)
            {
                return false;
            }

            int seen = Interlocked.CompareExchange(ref _workers, workers + 1, workers);
            if (seen == workers)
            {
                return true;
            }

            workers = seen;
        }
    }

    /// <summary>A worker stops. The caller asks <see cref="TryBeginWorker"/> once more: a message may have come between its last look and this.</summary>
    public void EndWorker() => Interlocked.Decrement(ref _workers);

    /// <summary>The addresses to try, in order: by preference, equal ones in random order, and those that failed lately behind.</summary>
    public List<HostTarget> Targets(DateTimeOffset now, Random random)
    {
        IReadOnlyList<HostTarget> known = Volatile.Read(ref _targets);
        // Addresses of one host stay together, in the order in which they are to be tried.
        List<HostTarget> targets = [.. known.GroupBy(static t => (t.Preference, t.Host)).Select(g => (Targets: g, Place: random.Next()))
            .OrderBy(static host => host.Targets.Key.Preference).ThenBy(static host => host.Place).SelectMany(static host => host.Targets)];
        lock (_gate)
        {
            _health.Order(targets, now);
        }

        return targets;
    }

    /// <summary>A connection is ready for mail. Owes one <see cref="Disconnected"/>.</summary>
    public void Connected(string host)
    {
        lock (_gate)
        {
            _health.Answered(host);
            _connected++;
            IsProven = true;
            _suspension = null;
        }
    }

    public void Disconnected()
    {
        lock (_gate)
        {
            _connected--;
        }
    }

    /// <summary>No connection to this host came about.</summary>
    public void HostFailed(string host, DateTimeOffset now)
    {
        lock (_gate)
        {
            _health.Failed(host, now);
        }
    }

    public void Succeeded()
    {
        int limit = Volatile.Read(ref _limit);
        if (limit < 20)
        {
            Volatile.Write(ref _limit, limit + 1);
        }
    }

    /// <summary>No host could be used. Until <paramref name="until"/> messages are put off for the same reason, without a try of their own, unless others are connected. True when it is suspended.</summary>
    public bool Suspend(PeerReply reason, DateTimeOffset until)
    {
        lock (_gate)
        {
            if (_connected > 0)
            {
                _limit = _connected;
                return false;
            }

            _limit = 5;
            IsProven = false;
            _suspension = new Suspension(reason, until);
            return true;
        }
    }

    public bool IsSuspended(DateTimeOffset now, out PeerReply reason)
    {
        Suspension? suspension = Volatile.Read(ref _suspension);
        reason = suspension?.Reason ?? default;
        return suspension is not null && now < suspension.Until;
    }

    /// <summary>What a message takes of its tenant's share: one, and one more for each 64 KiB.</summary>
    private static int Cost(QueuedMessage message) => 1 + (int)Math.Min(message.Message.Size >> 16, 1 << 20);
}

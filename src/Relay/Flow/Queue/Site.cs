using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Relay.Concurrency;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Queue;

/// <summary>
/// The hosts to which one or many domains' mail goes, the messages that may go there now, and the workers that send them. Filled from any thread without a lock; emptied by its workers, under a lock that is
/// held for a moment. How many workers it bears is learned (<see cref="SiteLimit"/>), so that a site that answers nobody can't hold many of them. Where a rate is set, no worker begins before a message may go.
/// </summary>
internal sealed class Site : Retirable, IDisposable
{
    /// <summary>Another connection is worth its handshakes when each of those there are has so many messages waiting.</summary>
    private const int MessagesPerWorker = 4;

    /// <summary>A message that may go a moment later isn't worth a worker of its own.</summary>
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(10);

    private readonly TimeProvider _time;
    private readonly SiteLimit _limit;
    private readonly HandOver<QueuedMessage> _arriving = new();
    private readonly Lock _gate = new();
    private readonly FairQueue<QueuedMessage> _ready = new();
    private readonly HostHealth _health = new();
    private readonly ITimer? _wake;
    private IReadOnlyList<HostTarget> _targets = [];
    private Fifo<QueuedMessage> _overdue;
    private int _overdueCount;
    private TokenBucket _tokens;
    private bool _waitsForRate;
    private int _count;
    private int _workers;

    /// <summary><paramref name="wake"/> is called when the rate lets messages go again, after <see cref="TryTake"/> had to say no; it may not block.</summary>
    public Site(SiteKey key, SiteLimit limit, TimeProvider time, Action<Site> wake)
    {
        Key = key;
        _limit = limit;
        _time = time;
        LastUsed = time.GetTimestamp();
        if (key.Limits.Rate is not null)
        {
            _wake = time.CreateTimer(
                _ =>
                {
                    lock (_gate)
                    {
                        _waitsForRate = false;
                    }

                    wake(this);
                }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    public SiteKey Key { get; }

    /// <summary>Messages that are ready.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>A host of the site has answered lately: it may have more of what all sites share than one of which nothing is known.</summary>
    public bool IsProven { get; private set; }

    /// <summary>When a worker ended last, as a timestamp; before the first one has, when the site was made.</summary>
    public long LastUsed { get; private set; }

    /// <summary>Where its hosts are, as looked up last.</summary>
    public void Use(IReadOnlyList<HostTarget> targets) => Volatile.Write(ref _targets, targets);

    /// <summary>What its hosts have to give of TLS, in a word each (<see cref="TlsPolicy.Word"/>); where they differ, with commas.</summary>
    public string TlsPolicies => string.Join(", ", Targets().Select(t => (t.Tls ?? new TlsPolicy(Key.Tls.Level)).Word).Distinct());

    /// <summary>What <see cref="Use"/> was given last.</summary>
    public IReadOnlyList<HostTarget> Targets() => Volatile.Read(ref _targets);

    public void Add(QueuedMessage message)
    {
        Interlocked.Increment(ref _count);
        _arriving.Push(message);
    }

    /// <summary>The next message, by turns of the tenants; or false when none is ready, or none may go yet.</summary>
    public bool TryTake(TenantTable tenants, [NotNullWhen(true)] out QueuedMessage? message)
    {
        lock (_gate)
        {
            Arrive(tenants);
            if (_ready.Count > 0 && Key.Limits.Rate is { } rate && !_tokens.TryTake(rate, _time, out TimeSpan wait) && WaitsFor(wait))
            {
                message = null;
                return false;
            }

            if (_ready.TryTake(out message))
            {
                Interlocked.Decrement(ref _count);
                return true;
            }

            return false;
        }
    }

    /// <summary>The next message that is to be settled without being sent: one that <see cref="FindOverdue"/> found; or, while the site is suspended, any, for that reason.</summary>
    public bool TryTakeUnsent(TenantTable tenants, [NotNullWhen(true)] out QueuedMessage? message, out PeerReply reason)
    {
        lock (_gate)
        {
            if (_overdue.First is not null)
            {
                reason = default;
                message = _overdue.Take();
                _overdueCount--;
                Interlocked.Decrement(ref _count);
                return true;
            }

            message = null;
            if (!_limit.IsSuspended(out reason, out _))
            {
                return false;
            }

            Arrive(tenants);
            if (_ready.TryTake(out message))
            {
                Interlocked.Decrement(ref _count);
                return true;
            }

            return false;
        }
    }

    /// <summary>Puts what waits for its turn in vain, as <paramref name="isOverdue"/> says, aside for the next worker to settle. Takes the time of a look at each message.</summary>
    public void FindOverdue(Predicate<QueuedMessage> isOverdue)
    {
        lock (_gate)
        {
            int before = _ready.Count;
            _ready.MoveTo(ref _overdue, isOverdue);
            _overdueCount += before - _ready.Count;
        }
    }

    /// <summary>Takes out what <paramref name="which"/> selects and puts it at the end of another queue, with its hold on this site. Takes the time of a look at each message.</summary>
    public void TakeOut(TenantTable tenants, ref Fifo<QueuedMessage> into, Predicate<QueuedMessage> which)
    {
        lock (_gate)
        {
            Arrive(tenants);
            int before = _ready.Count;
            _ready.MoveTo(ref into, which);
            int moved = before - _ready.Count;
            int overdue = _overdue.MoveTo(ref into, which);
            _overdueCount -= overdue;
            Interlocked.Add(ref _count, -(moved + overdue));
        }
    }

    /// <summary>An operator wants its mail tried now.</summary>
    public void EndSuspension()
    {
        lock (_gate)
        {
            _limit.EndSuspension();
        }
    }

    /// <summary>
    /// Whether the caller shall start another worker. Each true owes one <see cref="EndWorker"/>. <paramref name="waited"/>: messages have waited, so that one more is wanted even for few. While the site is
    /// suspended there is one at most, which puts off what is ready; while it waits for its rate, none but for what is overdue.
    /// </summary>
    public bool TryBeginWorker(bool waited = false)
    {
        int ready = Count;
        int workers = Volatile.Read(ref _workers);
        if (ready == 0 || (workers > 0 && !waited && ready <= workers * MessagesPerWorker))
        {
            return false;
        }

        lock (_gate)
        {
            bool suspended = _limit.IsSuspended(out _, out _);
            if (_workers > 0 && (_workers >= _limit.Current || suspended))
            {
                return false;
            }

            if (!suspended && _overdueCount == 0 && Key.Limits.Rate is { } rate && (_waitsForRate || WaitsFor(_tokens.Wait(rate, _time))))
            {
                return false;
            }

            _workers++;
            return true;
        }
    }

    /// <summary>A worker stops. The caller asks <see cref="TryBeginWorker"/> once more: a message may have come between its last look and this.</summary>
    public void EndWorker(long now)
    {
        lock (_gate)
        {
            _workers--;
            LastUsed = now;
        }
    }

    /// <summary>Whether a worker may open a connection. Each true owes one <see cref="Close"/>.</summary>
    public bool TryOpen()
    {
        lock (_gate)
        {
            return _limit.TryOpen();
        }
    }

    /// <summary>The connection has ended, or didn't come about.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _limit.Close();
        }
    }

    /// <summary>The addresses to try, in order: by preference, equal ones in random order, and those that failed lately behind.</summary>
    public List<HostTarget> Targets(DateTimeOffset now, Random random)
    {
        IReadOnlyList<HostTarget> known = Targets();
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
            _health.Connected(host);
            IsProven = true;
        }
    }

    public void Disconnected(string host)
    {
        lock (_gate)
        {
            _health.Disconnected(host);
        }
    }

    /// <summary>No connection to this host came about, in work begun in <paramref name="epoch"/>.</summary>
    public void HostFailed(string host, int epoch, PeerReply saw, DateTimeOffset now)
    {
        lock (_gate)
        {
            _health.Failed(host, now);
            _limit.Refused(epoch, _health.Answering(Targets()), saw);
            IsProven &= !_limit.IsSuspended(out _, out _);
        }
    }

    /// <summary>What work that begins now is to say when it reports (<see cref="SiteLimit.Epoch"/>).</summary>
    public int Epoch
    {
        get
        {
            lock (_gate)
            {
                return _limit.Epoch;
            }
        }
    }

    /// <summary>A transaction had its replies. <paramref name="afterData"/>: see <see cref="SiteLimit.Answered"/>. True: there are too many connections, and this one is to be closed.</summary>
    public bool Answered(int epoch, TimeSpan? afterData)
    {
        lock (_gate)
        {
            _limit.Answered(epoch, afterData);
            return _limit.IsOver;
        }
    }

    /// <summary>The site slows us down, or drops connections. True: as for <see cref="Answered"/>.</summary>
    public bool Pushback(int epoch, PeerReply saw)
    {
        lock (_gate)
        {
            _limit.Pushback(epoch, saw);
            return _limit.IsOver;
        }
    }

    /// <summary>No host answers, and it isn't yet time to try again: messages are put off for this reason, without a try of their own.</summary>
    public bool IsSuspended(out PeerReply reason)
    {
        lock (_gate)
        {
            return _limit.IsSuspended(out reason, out _);
        }
    }

    /// <summary>What changed the number of its connections, once each, but for growth; null when nothing did.</summary>
    public LimitChange? TakeNews()
    {
        lock (_gate)
        {
            return _limit.TakeNews();
        }
    }

    /// <summary>What it gets of us, and why not more.</summary>
    public SiteStatus Describe(DateTimeOffset now)
    {
        lock (_gate)
        {
            int ready = Count;
            string limit = "none";
            string why = ready == 0 ? "nothing is ready" : "on its way";
            DateTimeOffset? until = null;
            if (_limit.IsSuspended(out PeerReply reason, out TimeSpan remaining))
            {
                // Without a code it is no server that says so: TLS is not to be had there as it is demanded (AttemptFailure).
                (limit, why) = reason is { Code: 0, Enhanced: { Subject: 7, Detail: 4 or 5 } }
                    ? ("tls_policy", "no host gives what is demanded of TLS, and it is left alone for a time: ")
                    : ("suspended", "no host answers, and it is left alone for a time: ");
                (why, until) = (why + reason.Words, now + remaining);
            }
            else if (ready > 0 && _waitsForRate && Key.Limits.Rate is { } rate)
            {
                (limit, why, until) = ("rate", string.Create(CultureInfo.InvariantCulture, $"its rate is {rate.Messages} messages in {rate.Per}"), now + _tokens.Wait(rate, _time));
            }
            else if (ready > 0 && _workers >= _limit.Current)
            {
                string saw = _limit.Changes is [.., var last] ? $", since {last.Saw}" : "";
                (limit, why) = ("connections", string.Create(CultureInfo.InvariantCulture, $"all connections that it is thought to bear are in use: {_limit.Current}{saw}"));
            }
            else if (ready > 0 && _workers == 0)
            {
                (limit, why) = ("workers", "all connections that this relay may have at a time are in use");
            }

            return new SiteStatus
            {
                Hosts = Key.Hosts,
                Tls = TlsPolicies,
                Egress = Key.Egress?.Name,
                Ready = ready,
                Connections = _limit.Open,
                Bears = _limit.Current,
                Ceiling = Key.Limits.Connections,
                Limit = limit,
                Why = why,
                Until = until,
                Changes = [.. _limit.Changes.Select(static c => new SiteChange(c.Time, c.From, c.To, c.Saw))],
            };
        }
    }

    public void Dispose() => _wake?.Dispose();

    private void Arrive(TenantTable tenants)
    {
        for (QueuedMessage? item = _arriving.TakeAll(); item is not null;)
        {
            QueuedMessage? next = item.Next;
            item.Next = null;
            int tenant = tenants.Find(item.Message);
            _ready.Add(item, tenant, tenants[tenant].Weight, item.Message.Envelope.Priority, Cost(item));
            item = next;
        }
    }

    /// <summary>False when there is nothing to wait for; otherwise the timer is set.</summary>
    private bool WaitsFor(TimeSpan wait)
    {
        if (wait <= TimeSpan.Zero)
        {
            return false;
        }

        _waitsForRate = true;
        _wake!.Change(wait > ShortestWait ? wait : ShortestWait, Timeout.InfiniteTimeSpan);
        return true;
    }

    /// <summary>What a message takes of its tenant's share: one, and one more for each 64 KiB.</summary>
    private static int Cost(QueuedMessage message) => 1 + (int)Math.Min(message.Message.Size >> 16, 1 << 20);
}

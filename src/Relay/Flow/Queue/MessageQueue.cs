using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Relay.Concurrency;
using Relay.Spool;

namespace Relay.Flow.Queue;

/// <summary>
/// All undelivered mail, in memory: scheduled by destination until its time has come, then ready by site (<see cref="Site"/>), between which lies the look-up of the route. Holds references only; the
/// spool holds the mail. Safe on any thread, and never waits: what needs a look-up or a worker is announced to those who were given.
/// </summary>
internal sealed class MessageQueue
{
    /// <summary>Arrays 0..n-1 for messages whose recipients all go to one place, which are most: shared, because nobody writes to them.</summary>
    private static readonly ushort[][] FirstRecipients = [.. Enumerable.Range(0, QueuedMessage.MaximumRecipients + 1).Select(n => Enumerable.Range(0, n).Select(i => (ushort)i).ToArray())];

    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(15);

    private const int MostKnown = 10_000;

    private const int MovesInARow = 1000;

    /// <summary>Mail that waits for its turn at a site is looked through so often for what is overdue.</summary>
    private static readonly TimeSpan OverdueInterval = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<string, Destination> _destinations = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<RouteOptions, Destination> _routed = new(new SameWay());
    private readonly ConcurrentDictionary<SiteKey, Site> _sites = new();
    private readonly ConcurrentDictionary<string, Destination>.AlternateLookup<ReadOnlySpan<char>> _byDomain;
    private readonly ScheduledQueue _scheduled;
    private readonly TimeProvider _time;
    private readonly Action<Destination> _lookUp;
    private readonly Action<Site> _dispatch;
    private readonly Action _settleOrdered;
    private readonly OrderedMail _ordered = new();
    private DestinationOf _routeOf;
    private Func<SiteKey, Site> _newSite;
    private TenantTable _tenants;
    private RetrySchedule _retry;
    private long _unrouted;
    private long _nextSweep;
    private long _nextOverdue;

    /// <summary>
    /// <paramref name="lookUp"/> is called when messages of a destination wait for its site: it has to end in <see cref="Routed"/> or <see cref="TakeUnrouted"/>. <paramref name="dispatch"/> is called when a
    /// site has work and wants a worker (<see cref="Site.TryBeginWorker"/> was true). <paramref name="settleOrdered"/> is called when an operator wants messages given up: it has to
    /// end in <see cref="TryTakeEnding"/>. None may block.
    /// </summary>
    public MessageQueue(TimeProvider time, DestinationOf routeOf, Func<SiteKey, Site> newSite, TenantTable tenants, RetrySchedule retry, Action<Destination> lookUp, Action<Site> dispatch, Action settleOrdered)
    {
        _time = time;
        _routeOf = routeOf;
        _newSite = newSite;
        _tenants = tenants;
        _retry = retry;
        _lookUp = lookUp;
        _dispatch = dispatch;
        _settleOrdered = settleOrdered;
        _scheduled = new ScheduledQueue(time);
        _byDomain = _destinations.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Messages (a message counts once for each destination) that wait, whether ready or not.</summary>
    public long Depth => _scheduled.Count + Interlocked.Read(ref _unrouted) + _ordered.Count + _sites.Values.Sum(static site => (long)site.Count);

    /// <summary>The destinations that are known, whether mail waits for them or not. As they were at a moment.</summary>
    public IEnumerable<Destination> Destinations => _destinations.Values.Concat(_routed.Values);

    /// <summary>The same of sites.</summary>
    public ICollection<Site> Sites => _sites.Values;

    /// <summary>A destination by the recipients' domain (as it stands in addresses, lower case); null when nothing is known of it.</summary>
    public Destination? Find(string domain) => Volatile.Read(ref _routeOf)(domain) is { } route ? _routed.GetValueOrDefault(route) : _destinations.GetValueOrDefault(domain);

    /// <summary>New routes hold for what is queued, put off or looked up from now on.</summary>
    public void Apply(DestinationOf routeOf, Func<SiteKey, Site> newSite, TenantTable tenants, RetrySchedule retry)
    {
        Volatile.Write(ref _tenants, tenants);
        Volatile.Write(ref _retry, retry);
        Volatile.Write(ref _newSite, newSite);
        Volatile.Write(ref _routeOf, routeOf);
        foreach (Destination destination in Destinations)
        {
            destination.Forget();
        }
    }

    /// <summary>The loop that brings scheduled messages back; runs until stopped.</summary>
    public Task RunAsync(CancellationToken stop) => _scheduled.RunAsync(Ready, OnBeat, stop);

    /// <summary>A site's rate lets messages go again.</summary>
    public void Wake(Site site) => Dispatch(site);

    /// <summary>A message that is durable and new: it is ready at each of its destinations, or when its sender said so (RFC 4865).</summary>
    public void Enqueue(SpooledMessage message) => PutAll(message, 0, message.Envelope.ReleaseAt ?? default);

    /// <summary>A message found again at start, with what is left of it.</summary>
    public void Recover(RecoveredMessage recovered)
    {
        DateTimeOffset release = recovered.Message.Envelope.ReleaseAt ?? default;
        IReadOnlyList<PendingRecipient> pending = recovered.Pending;
        PendingRecipient first = pending[0];
        if (pending.Count == 1 && recovered.Message.Envelope.RecipientCount == 1)
        {
            PutAll(recovered.Message, first.Attempts, first.NextAttempt > release ? first.NextAttempt : release);
            return;
        }

        foreach (IGrouping<(int Attempts, DateTimeOffset Next), PendingRecipient> same in pending.GroupBy(p => (p.Attempts, p.NextAttempt)))
        {
            Put(recovered.Message, same.Select(static p => (ushort)p.Recipient), same.Key.Attempts, same.Key.Next > release ? same.Key.Next : release);
        }
    }

    /// <summary>
    /// What is left of a message after an attempt: the given recipients, to be ready at <paramref name="next"/>. By the routes as they are now, which may part them. <paramref name="later"/>: not before then, even if an operator
    /// wants something else of it, because just that wasn't possible.
    /// </summary>
    public void Retry(QueuedMessage message, ushort[] recipients, int attempts, DateTimeOffset next, bool later = false)
    {
        if (recipients.Length == 1)
        {
            Return(new QueuedMessage(message.Message, recipients, Hold(message.Message.Envelope.Recipient(recipients[0]))) { Attempts = attempts, NextAttempt = next }, later);
            return;
        }

        Put(message.Message, recipients, attempts, next, later);
    }

    /// <summary>What of a message goes its usual way; null when an operator wants something else of all its recipients, and it has been taken over for that. For whoever has taken it out and is about to send it.</summary>
    public QueuedMessage? Unordered(QueuedMessage message)
    {
        if (message.Message.Ordered == 0)
        {
            return message;
        }

        QueuedMessage? rest = _ordered.Sort(message, out bool ends);
        if (ends)
        {
            _settleOrdered();
        }

        return rest;
    }

    /// <summary>A message that an operator wants given up, to be settled by the caller: all its recipients for the same reason (<see cref="MessageSpool.OrderOf"/>).</summary>
    public bool TryTakeEnding([NotNullWhen(true)] out QueuedMessage? message) => _ordered.TryTakeEnding(out message);

    /// <summary>An operator has said something new of some messages: those of them that wait are looked at again. What is being looked up or sent is as soon as it comes back. Takes the time of a look at each message.</summary>
    public async Task ObeyAsync(Predicate<SpooledMessage> which)
    {
        Predicate<QueuedMessage> ordered = m => m.Message.Ordered > 0 && which(m.Message);
        QueuedMessage? scheduled = await _scheduled.TakeOutAsync(ordered).ConfigureAwait(false);
        var ready = default(Fifo<QueuedMessage>);
        foreach (Site site in _sites.Values)
        {
            site.TakeOut(Volatile.Read(ref _tenants), ref ready, ordered);
        }

        DateTimeOffset now = _time.GetUtcNow();
        await MoveAsync(scheduled, static m => m.NextAttempt).ConfigureAwait(false);
        await MoveAsync(ready.First, static m => m.NextAttempt).ConfigureAwait(false);
        await MoveAsync(_ordered.TakeReleased(which).First, m => NotBefore(m, now)).ConfigureAwait(false);
    }

    /// <summary>What waits for its time and is selected is tried now, and what keeps its destination or site from being tried ends.</summary>
    public async Task TryNowAsync(Predicate<QueuedMessage> which)
    {
        DateTimeOffset now = _time.GetUtcNow();
        QueuedMessage? scheduled = await _scheduled.TakeOutAsync(m => which(m) && NotBefore(m, now) == now).ConfigureAwait(false);
        for (QueuedMessage? message = scheduled; message is not null; message = message.Next)
        {
            message.Destination.EndSuspension();
        }

        await MoveAsync(scheduled, _ => now).ConfigureAwait(false);
    }

    /// <summary>When a message that waits is given up, unless it is delivered before.</summary>
    public DateTimeOffset EndOf(SpooledMessage message) => Volatile.Read(ref _retry).End(message);

    /// <summary>The name of the tenant whose mail a message is.</summary>
    public string TenantOf(SpooledMessage message) => Volatile.Read(ref _tenants) is var tenants ? tenants[tenants.Find(message)].Name : "";

    /// <summary>The site of a destination has been looked up; so it stays until <paramref name="until"/> (a timestamp). What waited for it is ready there.</summary>
    public void Routed(Destination destination, SiteKey key, IReadOnlyList<HostTarget> targets, long until)
    {
        Site site = HoldSite(key);
        site.Use(targets);
        destination.Use(site, until);
        for (QueuedMessage? message = TakeUnrouted(destination); message is not null;)
        {
            QueuedMessage? next = message.Next;
            message.Next = null;
            if (SiteOfTenant(message, site) is { } own)
            {
                Add(message, own);
                Dispatch(own);
            }
            else
            {
                Add(message, site.TryHold() ? site : HoldSite(key));
            }

            message = next;
        }

        while (site.TryBeginWorker())
        {
            _dispatch(site);
        }

        site.Release();
    }

    /// <summary>A destination could not be looked up: the messages that waited for it, oldest first, linked, to be settled by the caller.</summary>
    public QueuedMessage? TakeUnrouted(Destination destination)
    {
        QueuedMessage? first = destination.TakeUnrouted();
        for (QueuedMessage? message = first; message is not null; message = message.Next)
        {
            Interlocked.Decrement(ref _unrouted);
        }

        return first;
    }

    /// <summary>Puts linked messages that were taken out where they belong now.</summary>
    private async Task MoveAsync(QueuedMessage? first, Func<QueuedMessage, DateTimeOffset> next)
    {
        int moved = 0;
        for (QueuedMessage? message = first; message is not null;)
        {
            QueuedMessage? following = message.Next;
            Retry(message, message.Recipients, message.Attempts, next(message));
            message.Site?.Release();
            message.Destination.Release();
            message = following;
            if (++moved % MovesInARow == 0)
            {
                // Others want the thread too.
                await Task.Yield();
            }
        }
    }

    /// <summary>Now, but for what its sender wanted held back until then (RFC 4865).</summary>
    private static DateTimeOffset NotBefore(QueuedMessage message, DateTimeOffset now) => message.Message.Envelope.ReleaseAt is { } release && release > now ? release : now;

    private void Return(QueuedMessage message, bool later = false)
    {
        if (message.NextAttempt <= _time.GetUtcNow())
        {
            Ready(message);
        }
        else if (later)
        {
            _scheduled.Add(message);
        }
        else if (Unordered(message) is { } rest)
        {
            if (RecipientUpdate.OrderOf(rest.NextAttempt.UtcTicks) == RecipientOrder.None)
            {
                _scheduled.Add(rest);
                return;
            }

            // It was released after its time, which stands for the order, had been read.
            Retry(rest, rest.Recipients, rest.Attempts, NotBefore(rest, _time.GetUtcNow()));
            rest.Destination.Release();
        }
    }

    private void Ready(QueuedMessage due)
    {
        if (Unordered(due) is not { } message)
        {
            return;
        }

        Destination destination = message.Destination;
        if (destination.SiteAt(_time.GetTimestamp()) is { } known && (SiteOfTenant(message, known) ?? (known.TryHold() ? known : null)) is { } site)
        {
            Add(message, site);
            Dispatch(site);
            return;
        }

        Interlocked.Increment(ref _unrouted);
        if (destination.AddUnrouted(message))
        {
            _lookUp(destination);
        }
    }

    /// <summary>The site of the same hosts, held, where the message's tenant has sources of its own; null when it goes to the one that is given.</summary>
    private Site? SiteOfTenant(QueuedMessage message, Site site)
    {
        if (Volatile.Read(ref _tenants).EgressOf(message) is not { } egress || egress.Equals(site.Key.Egress))
        {
            return null;
        }

        Site own = HoldSite(site.Key with { Egress = egress });
        own.Use(site.Targets());
        return own;
    }

    /// <summary>The hold on the site goes to the message.</summary>
    private static void Add(QueuedMessage message, Site site)
    {
        message.Site = site;
        site.Add(message);
    }

    private void Dispatch(Site site)
    {
        if (site.TryBeginWorker())
        {
            _dispatch(site);
        }
    }

    /// <summary>Once a second: sites whose messages wait get another worker, and what nothing refers to is forgotten. Now and then what is overdue is looked for.</summary>
    private void OnBeat()
    {
        long now = _time.GetTimestamp();
        if (now < _nextSweep)
        {
            return;
        }

        _nextSweep = now + (long)(SweepInterval.TotalSeconds * _time.TimestampFrequency);
        DateTimeOffset clock = _time.GetUtcNow();
        bool crowded = _sites.Count > MostKnown;
        RetrySchedule? overdue = now < _nextOverdue ? null : Volatile.Read(ref _retry);
        _nextOverdue = overdue is null ? _nextOverdue : now + (long)(OverdueInterval.TotalSeconds * _time.TimestampFrequency);
        foreach (Site site in _sites.Values)
        {
            if (overdue is not null && site.Count > 0)
            {
                site.FindOverdue(message => overdue.Overdue(message, clock) is not null);
            }

            if (site.TryBeginWorker(waited: true))
            {
                _dispatch(site);
            }
            else if (MayGo(site, now, crowded) && site.TryRetire())
            {
                _sites.TryRemove(KeyValuePair.Create(site.Key, site));
                site.Dispose();
            }
        }

        foreach (Destination destination in Destinations)
        {
            if (destination.SiteAt(now) is null && !destination.IsSuspended(clock, out _) && destination.TryRetire())
            {
                Forget(destination);
            }
        }
    }

    /// <summary>What was learned of a site is kept for the mail to come, but not of any number of sites.</summary>
    private bool MayGo(Site site, long now, bool crowded) => (crowded || _time.GetElapsedTime(site.LastUsed, now) > Memory) && !site.IsSuspended(out _);

    private void Forget(Destination destination)
    {
        if (destination.Route is { } route)
        {
            _routed.TryRemove(KeyValuePair.Create(route, destination));
        }
        else
        {
            _destinations.TryRemove(KeyValuePair.Create(destination.Name, destination));
        }
    }

    private void PutAll(SpooledMessage message, int attempts, DateTimeOffset next)
    {
        if (message.Envelope.RecipientCount == 1)
        {
            Return(new QueuedMessage(message, FirstRecipients[1], Hold(message.Envelope.Recipient(0))) { Attempts = attempts, NextAttempt = next });
            return;
        }

        Put(message, Enumerable.Range(0, message.Envelope.RecipientCount).Select(static i => (ushort)i), attempts, next);
    }

    /// <summary>Parts recipients of a message by destination and into transactions, and queues each part.</summary>
    private void Put(SpooledMessage message, IEnumerable<ushort> recipients, int attempts, DateTimeOffset next, bool later = false)
    {
        // Held for each recipient while they are parted: no destination is retired meanwhile.
        var parts = recipients.GroupBy(r => Hold(message.Envelope.Recipient(r))).Select(static g => (Destination: g.Key, Recipients: g.ToArray())).ToList();
        foreach ((Destination destination, ushort[] all) in parts)
        {
            int spare = all.Length;
            foreach (ushort[] chunk in all.Chunk(QueuedMessage.MaximumRecipients))
            {
                spare--;
                ushort[] shared = chunk.Length == message.Envelope.RecipientCount ? FirstRecipients[chunk.Length] : chunk;
                Return(new QueuedMessage(message, shared, destination) { Attempts = attempts, NextAttempt = next }, later);
            }

            for (; spare > 0; spare--)
            {
                destination.Release();
            }
        }
    }

    private Site HoldSite(SiteKey key)
    {
        while (true)
        {
            Site site = _sites.GetOrAdd(key, Volatile.Read(ref _newSite));
            if (site.TryHold())
            {
                return site;
            }

            _sites.TryRemove(KeyValuePair.Create(key, site));
        }
    }

    /// <summary>A recipient's destination, held for one message.</summary>
    private Destination Hold(ReadOnlySpan<byte> recipient)
    {
        // An address has at most 64 octets before the @ and 255 behind it.
        Span<char> text = stackalloc char[recipient.Length];
        int length = Encoding.UTF8.GetChars(recipient[(recipient.LastIndexOf((byte)'@') + 1)..], text);
        Span<char> domain = text[..length];
        foreach (ref char c in domain)
        {
            // Only ASCII: what a domain's other letters are equal to is decided by IDNA, not here.
            c = c is >= 'A' and <= 'Z' ? (char)(c | 0x20) : c;
        }

        RouteOptions? route = Volatile.Read(ref _routeOf)(domain);
        while (true)
        {
            Destination? queue;
            if (route is not null)
            {
                queue = _routed.TryGetValue(route, out queue) ? queue : _routed.GetOrAdd(route, new Destination(route.NextHop.ToString(), route));
            }
            else if (!_byDomain.TryGetValue(domain, out queue))
            {
                string name = new(domain);
                queue = _destinations.GetOrAdd(name, new Destination(name, null));
            }

            if (queue.TryHold())
            {
                return queue;
            }

            // Retired between the two steps: it is being taken out, and a new one takes its place.
            Forget(queue);
        }
    }

    /// <summary>What goes to one next hop in the same way waits together, whichever route sent it there.</summary>
    private sealed class SameWay : IEqualityComparer<RouteOptions>
    {
        public bool Equals(RouteOptions? x, RouteOptions? y) => x is not null && y is not null && x.Tls == y.Tls && x.NextHop == y.NextHop && x.Limits == y.Limits &&
            x.Credentials == y.Credentials && Equals(x.Egress, y.Egress);

        public int GetHashCode(RouteOptions route) => HashCode.Combine(route.NextHop, route.Tls);
    }
}

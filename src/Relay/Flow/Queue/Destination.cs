using Relay.Concurrency;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Queue;

/// <summary>
/// The recipients' domain, or the next hop of a route: what a message is queued for. Knows for a while which site its mail goes to; messages that come when it doesn't wait here for the look-up. Any thread, without a lock.
/// </summary>
internal sealed class Destination(string name, RouteOptions? route) : Retirable
{
    private readonly HandOver<QueuedMessage> _unrouted = new();
    private Lease? _lease;
    private Suspension? _suspension;
    private Trouble? _trouble;
    private int _aside;

    /// <summary>The recipients' domain, or the next hop of a route.</summary>
    public string Name { get; } = name;

    /// <summary>Null: by MX.</summary>
    public RouteOptions? Route { get; } = route;

    /// <summary>The site, if that is known at <paramref name="now"/> (a timestamp).</summary>
    public Site? SiteAt(long now) => Volatile.Read(ref _lease) is { } lease && now < lease.Until ? lease.Site : null;

    /// <summary>Where its mail went last, for whoever asks; null before it was looked up.</summary>
    public Site? LastSite => Volatile.Read(ref _lease)?.Site;

    /// <summary>The last answer that put mail off.</summary>
    public Trouble? Trouble
    {
        get => Volatile.Read(ref _trouble);
        set => Volatile.Write(ref _trouble, value);
    }

    /// <summary>Its mail goes there, until that is to be looked up again.</summary>
    public void Use(Site site, long until)
    {
        Volatile.Write(ref _suspension, null);
        Volatile.Write(ref _lease, new Lease(site, until));
    }

    public void Forget() => Volatile.Write(ref _lease, null);

    /// <summary>Keeps a message until the site is known. True: the caller has it looked up, and then takes all with <see cref="TakeUnrouted"/>.</summary>
    public bool AddUnrouted(QueuedMessage message) => _unrouted.Push(message);

    /// <summary>The messages that wait for the site, oldest first, linked. What comes later needs another look-up (<see cref="AddUnrouted"/>).</summary>
    public QueuedMessage? TakeUnrouted() => _unrouted.TakeAll();

    /// <summary>It couldn't be looked up: until then nobody tries again.</summary>
    public void Suspend(PeerReply reason, DateTimeOffset until) => Volatile.Write(ref _suspension, new Suspension(reason, until));

    /// <summary>An operator wants its mail tried now.</summary>
    public void EndSuspension()
    {
        Volatile.Write(ref _suspension, null);
        LastSite?.EndSuspension();
    }

    /// <summary>So many more of its messages, or fewer, are held by an operator.</summary>
    public void SetAside(int messages) => Interlocked.Add(ref _aside, messages);

    public bool IsSuspended(DateTimeOffset now, out PeerReply reason)
    {
        Suspension? suspension = Volatile.Read(ref _suspension);
        reason = suspension?.Reason ?? default;
        return suspension is not null && now < suspension.Until;
    }

    /// <summary>What waits and why it isn't gone. <paramref name="site"/> is what its site says of itself.</summary>
    public DestinationStatus Describe(DateTimeOffset now, SiteStatus? site)
    {
        Trouble? trouble = Trouble;
        Suspension? suspension = Volatile.Read(ref _suspension);
        int held = Volatile.Read(ref _aside);
        (string limit, string why, DateTimeOffset? until) =
            held > 0 && held >= Held ? ("held", "an operator holds it", null)
            : suspension is not null && now < suspension.Until ? (suspension.Reason.Enhanced.Subject == 7 ? "tls_policy" : "dns", "the look-up of where its mail goes, and what that takes, failed: " + suspension.Reason.Words, suspension.Until)
            : site is { Ready: > 0, Limit: not "none" } ? (site.Limit, site.Why, site.Until)
            : trouble is not null && now < trouble.Next ? ("back_off", "put off, because the last answer was: " + trouble.Reply.Words, trouble.Next)
            : ("none", Held == 0 ? "nothing waits" : "on its way", (DateTimeOffset?)null);
        return new DestinationStatus
        {
            Name = Name,
            Messages = Held,
            OnHold = held,
            Site = site?.Hosts,
            Limit = limit,
            Why = why,
            Until = until,
            LastReply = trouble?.Reply.Words,
            LastReplyAt = trouble?.At,
            NextAttempt = trouble?.Next,
        };
    }

    private sealed record Lease(Site Site, long Until);
}

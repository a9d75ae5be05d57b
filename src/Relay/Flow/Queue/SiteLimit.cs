using Relay.Protocol.Smtp;

namespace Relay.Flow.Queue;

/// <summary>
/// How many connections one site bears, learned from what it does. It begins small and grows by one for each message taken (slow start) until there is a sign of trouble or the ceiling is reached; after that
/// by one for each round of as many messages as there may be connections. Trouble halves it, and the number at which it was met isn't tried again for <see cref="WallTime"/>: a site that
/// keeps a fixed number sees one connection too many a minute. A site of which nothing answers is left alone for a time, twice as long after each failed probe, and gets one connection then.
/// Not safe for threads: its owner holds a lock. Never waits and never calls back.
/// </summary>
/// <remarks>
/// What goes on when the limit is lowered ends with replies that say the same once more. So work is begun in an epoch (<see cref="Epoch"/>), each lowering begins a new one, and trouble met in an old one counts no more.
/// </remarks>
internal sealed class SiteLimit
{
    /// <summary>What a site gets that has never answered, unless it may have less at all.</summary>
    public const int Initial = 2;

    private const int MaximumChanges = 8;

    private const string Growth = "messages taken without trouble";

    private static readonly TimeSpan WallTime = TimeSpan.FromMinutes(1);

    private const double Jitter = 0.25;

    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly SiteCrowd? _crowd;
    private readonly int _place;
    private readonly List<LimitChange> _changes = [];
    private LimitChange? _news;
    private SiteLatency _latency;
    private int _ceiling;
    private bool _slowStart = true;

    /// <summary>Messages taken since the limit changed last.</summary>
    private int _taken;

    /// <summary>Signs of trouble since the site answered last.</summary>
    private int _troubles;

    /// <summary>The number of connections at which there was trouble last, and when; 0: none yet.</summary>
    private int _wall;
    private long _wallSeen;

    /// <summary>Set while the site is taken for dead.</summary>
    private PeerReply? _dead;
    private long _deadSince;
    private TimeSpan _wait;

    /// <summary>What the next one is made of.</summary>
    private TimeSpan _nextWait;

    /// <summary><paramref name="ceiling"/> (1 or more) is the configured maximum. With <paramref name="crowd"/> the site is held to be slow only when it is slower than the others.</summary>
    public SiteLimit(TimeProvider time, Random random, int ceiling, SiteCrowd? crowd = null)
    {
        _crowd = crowd;
        _place = crowd?.Join() ?? 0;
        _time = time;
        _random = random;
        _ceiling = ceiling;
        Current = Math.Min(Initial, ceiling);
    }

    /// <summary>The wait before the first probe; each is a quarter longer or shorter by chance, so that many sites that went down together aren't probed together…</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>…and the longest there is.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The limit: from 1 to the ceiling. While the site is taken for dead, that of the probe.</summary>
    public int Current { get; private set; }

    /// <summary>Connections there are: those begun by <see cref="TryOpen"/> and not yet ended.</summary>
    public int Open { get; private set; }

    /// <summary>What a connection or a transaction that begins now is to say when it reports.</summary>
    public int Epoch { get; private set; }

    /// <summary>There are more connections than there should be: whoever has ended a transaction closes its own.</summary>
    public bool IsOver => Open > Allowed;

    /// <summary>The last changes, oldest first.</summary>
    public IReadOnlyList<LimitChange> Changes => _changes;

    /// <summary>The last change but growth that nobody has asked for, and once only; null when there is none.</summary>
    public LimitChange? TakeNews()
    {
        LimitChange? news = _news;
        _news = null;
        return news;
    }

    private int Allowed => IsSuspended(out _, out _) ? 0 : Current;

    /// <summary>Whether one more connection may be opened, which then counts as open. Each true owes one <see cref="Close"/>.</summary>
    public bool TryOpen()
    {
        if (Open >= Allowed)
        {
            return false;
        }

        Open++;
        return true;
    }

    /// <summary>A connection has ended, or was not made.</summary>
    public void Close() => Open--;

    /// <summary>The site is taken for dead, and it isn't yet time for a probe; why, and how long it still is.</summary>
    public bool IsSuspended(out PeerReply reason, out TimeSpan remaining)
    {
        reason = _dead ?? default;
        remaining = _dead is null ? TimeSpan.Zero : _wait - _time.GetElapsedTime(_deadSince);
        return remaining > TimeSpan.Zero;
    }

    /// <summary>It is time for a probe now.</summary>
    public void EndSuspension() => _wait = TimeSpan.Zero;

    /// <summary>
    /// A transaction had its replies, whatever they said of its recipients: the site works. <paramref name="afterData"/> is the time from the end of the message to the reply that took it; null when none was taken.
    /// </summary>
    public void Answered(int epoch, TimeSpan? afterData)
    {
        _troubles = 0;
        if (_dead is not null)
        {
            Reopen();
        }

        if (afterData is not { } latency)
        {
            return;
        }

        _latency.Add(latency, _time);
        _crowd?.Report(_place, _latency.Excess);
        // A limit that isn't made use of shows nothing by holding.
        if (epoch != Epoch || Open * 2 < Current)
        {
            return;
        }

        _taken++;
        if (_slowStart)
        {
            _slowStart = !_latency.IsRising(_crowd) && TryGrow();
        }
        else if (_taken >= Current)
        {
            Adjust();
        }
    }

    /// <summary>The site sent us away or slowed us down (421, or a 4yz that means the rate), or a connection was lost, in work begun in <paramref name="epoch"/>. Said before the connection is closed here.</summary>
    public void Pushback(int epoch, PeerReply saw)
    {
        if (epoch != Epoch)
        {
            return;
        }

        _troubles++;
        if (_dead is not null || (Current == 1 && _troubles > 1))
        {
            // Twice in a row with the least there is, and nothing was answered between: it serves nobody now.
            Suspend(saw);
            return;
        }

        // What is open, and not what might have been, was too much.
        int met = Math.Clamp(Open, 1, Current);
        if (met > 1)
        {
            _wall = met;
            _wallSeen = _time.GetTimestamp();
        }

        _slowStart = false;
        Epoch++;
        Change(Math.Max(met / 2, 1), saw.Words);
    }

    /// <summary>
    /// A connection was refused, or nobody answered. <paramref name="answering"/> is the share of the site's hosts that do answer; a host that serves other connections just now is one of them.
    /// As long as others answer, one bad host reduces nothing; when all do, it was one connection too many; when none does, the site is dead. Said before the connection is closed here.
    /// </summary>
    public void Refused(int epoch, double answering, PeerReply saw)
    {
        if (answering >= 1)
        {
            Pushback(epoch, saw);
        }
        else if (answering <= 0 && epoch == Epoch)
        {
            Suspend(saw);
        }
    }

    /// <summary>A new configured maximum.</summary>
    public void Apply(int ceiling)
    {
        _ceiling = ceiling;
        if (Current > ceiling)
        {
            Change(ceiling, "a lower limit in the configuration");
        }
    }

    /// <summary>At the end of a round: one more, one less or none, as the answers come quickly or slowly.</summary>
    private void Adjust()
    {
        _taken = 0;
        if (!_latency.IsRising(_crowd))
        {
            TryGrow();
        }
        else if (_latency.IsHigh(_crowd) && Current > 1)
        {
            Change(Current - 1, _latency.ToString());
        }
    }

    /// <summary>False at the ceiling or before the number that met trouble lately.</summary>
    private bool TryGrow()
    {
        if (Current >= _ceiling || (_wall > 0 && Current + 1 >= _wall && _time.GetElapsedTime(_wallSeen) < WallTime))
        {
            return false;
        }

        Change(Current + 1, Growth);
        return true;
    }

    private void Suspend(PeerReply saw)
    {
        TimeSpan wait = _dead is null ? FirstWait : _nextWait;
        _nextWait = wait * 2 < LongestWait ? wait * 2 : LongestWait;
        _wait = wait * (1 + Jitter * (2 * _random.NextDouble() - 1));
        _deadSince = _time.GetTimestamp();
        int from = _dead is null ? Current : 0;
        _dead = saw;
        _slowStart = false;
        _taken = 0;
        Current = 1;
        Epoch++;
        Record(from, 0, saw.Words);
    }

    private void Reopen()
    {
        _dead = null;
        _slowStart = true;
        Current = Math.Min(Initial, _ceiling);
        Record(0, Current, "it answers again");
    }

    private void Change(int to, string saw)
    {
        int from = Current;
        Current = to;
        _taken = 0;
        if (from != to)
        {
            Record(from, to, saw);
        }
    }

    private void Record(int from, int to, string saw)
    {
        var change = new LimitChange(_time.GetUtcNow(), from, to, saw);
        _news = ReferenceEquals(saw, Growth) ? _news : change;
        // Steady growth is one change, and so are failed probes one after the other: else they would push out what matters.
        if (_changes is [.., var last] && ((ReferenceEquals(saw, Growth) && ReferenceEquals(last.Saw, Growth)) || (from == 0 && to == 0)))
        {
            _changes.RemoveAt(_changes.Count - 1);
            change = change with { From = last.From };
        }
        else if (_changes.Count == MaximumChanges)
        {
            _changes.RemoveAt(0);
        }

        _changes.Add(change);
    }
}

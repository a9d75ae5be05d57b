namespace Relay.Flow.Abuse;

/// <summary>
/// What is counted against clients, and who is banned, in one table whose size is bounded: <see cref="Sets"/> sets of <see cref="Ways"/> entries, found by a hash that nobody outside can foretell, each with a lock of its own, made when
/// something is first kept in it. Counting for somebody who is there already allocates nothing, and asking for somebody who isn't takes no lock while his set is empty.
/// <para>A set that is full gives up what is worth least: first what has drained away, then those nearest to it, then users' places and bans that are over, the one that is soonest forgotten first. A ban that holds gives way to none but a
/// longer one: whoever comes with many addresses can't push out the ban of another, and while nothing but bans is in a set, newcomers aren't counted but made to wait.</para>
/// Counts drain steadily, as many in a time as its limit allows in it. Times are UTC ticks, given by the caller. Any thread.
/// </summary>
internal sealed class AbuseTable(AbuseOptions options, int sets = AbuseTable.Sets)
{
    /// <summary>131,072 entries of 128 octets at most.</summary>
    public const int Sets = 8192;

    public const int Ways = 16;

    /// <summary>So many wrong passwords cost no wait.</summary>
    public const int FreeTries = 3;

    /// <summary>A place that a user hasn't logged in from for so long isn't his any more.</summary>
    private static readonly long PlaceAge = TimeSpan.FromDays(30).Ticks;

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    // Of what an entry is worth: each kind above all of the one before.
    private const double PlaceWorth = 1e4;
    private const double RememberedWorth = 1e5;
    private const double InFlightWorth = 5e5;
    private const double BanWorth = 1e6;

    private readonly AbuseEntry[]?[] _sets = new AbuseEntry[sets][];
    private AbuseOptions _options = options;
    private long _changes;

    /// <summary>Grows with each ban that comes or is lifted: whoever keeps them knows by it that there is something to write.</summary>
    public long Changes => Volatile.Read(ref _changes);

    public void Apply(AbuseOptions options) => Volatile.Write(ref _options, options);

    /// <summary>Whether it is banned now.</summary>
    public bool IsBanned(ClientKey key, long now)
    {
        if (SetOf(key) is not { } set)
        {
            return false;
        }

        lock (set)
        {
            int at = Find(set, key);
            return at >= 0 && set[at].BannedUntil > now;
        }
    }

    /// <summary>
    /// Counts against somebody; <paramref name="ban"/> is the ban when it came of this. <paramref name="lastTry"/>: a digest of name and password that were wrong, 0 for none; the same twice in a row
    /// counts once.
    /// </summary>
    public CountResult Count(ClientKey key, Offence offence, int weight, bool mayBan, ulong lastTry, long now, out BanStatus? ban)
    {
        ban = null;
        AbuseOptions limits = Volatile.Read(ref _options);
        AbuseEntry[] set = MakeSet(key);
        lock (set)
        {
            int at = Enter(set, key, now, limits, 0);
            if (at < 0)
            {
                return CountResult.Counted;
            }

            ref AbuseEntry entry = ref set[at];
            if (entry.BannedUntil > now)
            {
                return CountResult.Banned;
            }

            ref float level = ref Level(ref entry, offence);
            bool isRepeated = lastTry != 0 && lastTry == entry.LastTry;
            if (!isRepeated)
            {
                level += weight;
                entry.LastTry = lastTry == 0 ? entry.LastTry : lastTry;
            }

            float limit = LimitOf(key, offence, limits, out _);
            if (offence == Offence.Login)
            {
                entry.NextTry = now + Delay(level, limits).Ticks;
            }

            if (Whole(level) >= limit && mayBan)
            {
                ban = Ban(ref entry, offence, now, limits);
                return CountResult.Banned;
            }

            level = Math.Min(level, limit);
            return isRepeated ? CountResult.Repeated : CountResult.Counted;
        }
    }

    /// <summary>Whether one more connection may come, which then is counted.</summary>
    public bool TryConnect(ClientKey key, long now)
    {
        AbuseOptions limits = Volatile.Read(ref _options);
        AbuseEntry[] set = MakeSet(key);
        lock (set)
        {
            int at = Enter(set, key, now, limits, 0);
            if (at < 0)
            {
                return true;
            }

            ref float level = ref Level(ref set[at], Offence.Connection);
            if (level + 1 > LimitOf(key, Offence.Connection, limits, out _))
            {
                return false;
            }

            level++;
            return true;
        }
    }

    /// <summary>
    /// Whether a password from this address may be looked at. One that may is in flight until <see cref="EndTry"/>; few are at a time, one when there were wrong ones lately, so that guessing on many connections is no faster than on one.
    /// </summary>
    public LoginTurn TryBegin(ClientKey key, long now, out TimeSpan wait)
    {
        wait = default;
        AbuseOptions limits = Volatile.Read(ref _options);
        AbuseEntry[] set = MakeSet(key);
        lock (set)
        {
            int at = Enter(set, key, now, limits, 0);
            if (at < 0)
            {
                wait = limits.LongestDelay;
                return LoginTurn.Wait;
            }

            ref AbuseEntry entry = ref set[at];
            if (entry.BannedUntil > now)
            {
                return LoginTurn.Banned;
            }

            // A clock that was set back must not make anybody wait for ever.
            entry.NextTry = Math.Min(entry.NextTry, now + limits.LongestDelay.Ticks);
            if (entry.NextTry > now)
            {
                wait = TimeSpan.FromTicks(entry.NextTry - now);
                return LoginTurn.Wait;
            }

            if (entry.InFlight >= Math.Max(1, FreeTries - Whole(Level(ref entry, Offence.Login))))
            {
                wait = Poll;
                return LoginTurn.Wait;
            }

            entry.InFlight++;
            return LoginTurn.Now;
        }
    }

    /// <summary>The password has been looked at, or won't be.</summary>
    public void EndTry(ClientKey key, long now)
    {
        if (SetOf(key) is not { } set)
        {
            return;
        }

        lock (set)
        {
            int at = Find(set, key);
            if (at >= 0 && set[at].InFlight > 0)
            {
                set[at].InFlight--;
                if (Worth(ref set[at], now, Volatile.Read(ref _options)) == 0)
                {
                    set[at] = default;
                }
            }
        }
    }

    /// <summary>How long a password for this user waits, because of those that were wrong lately.</summary>
    public TimeSpan DelayOf(ClientKey user, long now)
    {
        AbuseOptions limits = Volatile.Read(ref _options);
        if (SetOf(user) is not { } set)
        {
            return TimeSpan.Zero;
        }

        lock (set)
        {
            int at = Find(set, user);
            if (at < 0)
            {
                return TimeSpan.Zero;
            }

            Drain(ref set[at], now, limits);
            return Delay(Level(ref set[at], Offence.Login), limits);
        }
    }

    /// <summary>The user has logged in from this place.</summary>
    public void Remember(ClientKey place, long now)
    {
        AbuseEntry[] set = MakeSet(place);
        lock (set)
        {
            // Entering is all there is to it: its time is that of the last touch.
            _ = Enter(set, place, now, Volatile.Read(ref _options), PlaceWorth);
        }
    }

    /// <summary>Whether he has before.</summary>
    public bool Knows(ClientKey place, long now)
    {
        if (SetOf(place) is not { } set)
        {
            return false;
        }

        lock (set)
        {
            int at = Find(set, place);
            return at >= 0 && now - set[at].Updated < PlaceAge;
        }
    }

    /// <summary>The bans that hold, in no order; with <paramref name="remembered"/> also those that are over and count for the length of the next.</summary>
    public IReadOnlyList<BanStatus> Bans(long now, bool remembered)
    {
        long memory = remembered ? Volatile.Read(ref _options).LongestBan.Ticks : 0;
        var bans = new List<BanStatus>();
        foreach (AbuseEntry[]? set in _sets)
        {
            if (set is null)
            {
                continue;
            }

            lock (set)
            {
                foreach (ref AbuseEntry entry in set.AsSpan())
                {
                    if (entry.BannedUntil > now - memory && entry.BannedUntil != 0)
                    {
                        bans.Add(Describe(entry));
                    }
                }
            }
        }

        return bans;
    }

    /// <summary>Forgets all that is held against somebody. Whether he was banned.</summary>
    public bool Lift(ClientKey key, long now)
    {
        if (SetOf(key) is not { } set)
        {
            return false;
        }

        lock (set)
        {
            int at = Find(set, key);
            if (at < 0)
            {
                return false;
            }

            bool wasBanned = set[at].BannedUntil > now;
            set[at] = default;
            Interlocked.Increment(ref _changes);
            return wasBanned;
        }
    }

    /// <summary>Takes a ban of before a restart.</summary>
    public void Restore(ClientKey key, DateTimeOffset since, DateTimeOffset until, Offence why, int count, int bans, long now)
    {
        AbuseEntry[] set = MakeSet(key);
        lock (set)
        {
            int at = Enter(set, key, now, Volatile.Read(ref _options), until.UtcTicks > now ? BanWorth + Seconds(until.UtcTicks - now) : RememberedWorth);
            if (at < 0)
            {
                return;
            }

            ref AbuseEntry entry = ref set[at];
            entry.BannedSince = since.UtcTicks;
            entry.BannedUntil = until.UtcTicks;
            entry.Why = why;
            entry.Count = count;
            entry.Bans = (byte)Math.Min(bans, byte.MaxValue);
        }
    }

    private static double Seconds(long ticks) => ticks / (double)TimeSpan.TicksPerSecond;

    private static ref float Level(ref AbuseEntry entry, Offence offence) => ref entry.Counted[(int)offence - 1];

    /// <summary>Up, so that the tenth failure is the tenth although a little has drained away since the first.</summary>
    private static int Whole(float level) => (int)MathF.Ceiling(level - 0.01f);

    private static TimeSpan Delay(float level, AbuseOptions limits)
    {
        int failures = Whole(level);
        if (failures < FreeTries)
        {
            return TimeSpan.Zero;
        }

        TimeSpan delay = TimeSpan.FromSeconds(1L << Math.Min(failures - FreeTries, 20));
        return delay < limits.LongestDelay ? delay : limits.LongestDelay;
    }

    /// <summary>How many there may be, and in which time; none for what isn't limited.</summary>
    private static float LimitOf(ClientKey key, Offence offence, AbuseOptions limits, out long per)
    {
        Rate rate = offence switch
        {
            Offence.Login => limits.Logins,
            Offence.Recipient => limits.Recipients,
            Offence.Command => limits.Commands,
            _ => limits.Connections ?? new Rate(int.MaxValue, TimeSpan.FromSeconds(1)),
        };
        per = rate.Per.Ticks;
        return (float)rate.Messages * (key.Kind == ClientKeyKind.Network ? limits.NetworkFactor : 1);
    }

    private static void Drain(ref AbuseEntry entry, long now, AbuseOptions limits)
    {
        long since = now - entry.Updated;
        entry.Updated = now;
        for (Offence offence = Offence.Login; since > 0 && offence <= Offence.Connection; offence++)
        {
            ref float level = ref Level(ref entry, offence);
            if (level > 0)
            {
                float limit = LimitOf(entry.Key, offence, limits, out long per);
                level = (float)Math.Max(0, level - limit * ((double)since / per));
            }
        }
    }

    private static BanStatus Describe(in AbuseEntry entry) => new(
        entry.Key.ToString(), new DateTimeOffset(entry.BannedSince, TimeSpan.Zero), new DateTimeOffset(entry.BannedUntil, TimeSpan.Zero), OffenceWord.Of(entry.Why), entry.Count, entry.Bans);

    private static int Find(AbuseEntry[] set, ClientKey key)
    {
        for (int i = 0; i < set.Length; i++)
        {
            if (set[i].Key == key)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Finds the key's entry, or takes a place for it, drained up to now; -1 when there is nothing but what is worth more.</summary>
    private static int Enter(AbuseEntry[] set, ClientKey key, long now, AbuseOptions limits, double worth)
    {
        int at = Find(set, key);
        if (at >= 0)
        {
            Drain(ref set[at], now, limits);
            return at;
        }

        double least = double.MaxValue;
        for (int i = 0; i < set.Length && least > 0; i++)
        {
            double own = set[i].Key.Kind == ClientKeyKind.None ? 0 : Worth(ref set[i], now, limits);
            if (own < least || (own == least && set[i].Updated < set[at].Updated))
            {
                (least, at) = (own, i);
            }
        }

        // What is no ban may take the place of anything that is none: all newcomers have to be counted.
        if (least >= Math.Max(worth, BanWorth))
        {
            return -1;
        }

        set[at] = new AbuseEntry { Key = key, Updated = now };
        return at;
    }

    private static double Worth(ref AbuseEntry entry, long now, AbuseOptions limits)
    {
        if (entry.BannedUntil > now)
        {
            return BanWorth + Seconds(entry.BannedUntil - now);
        }

        if (entry.InFlight > 0)
        {
            return InFlightWorth;
        }

        if (entry.BannedUntil != 0 && now - entry.BannedUntil < limits.LongestBan.Ticks)
        {
            return RememberedWorth + Seconds(entry.BannedUntil + limits.LongestBan.Ticks - now);
        }

        if (entry.Key.Kind == ClientKeyKind.UserPlace)
        {
            return now - entry.Updated < PlaceAge ? PlaceWorth + (1 - (double)(now - entry.Updated) / PlaceAge) : 0;
        }

        Drain(ref entry, now, limits);
        double nearest = 0;
        for (Offence offence = Offence.Login; offence <= Offence.Connection; offence++)
        {
            nearest = Math.Max(nearest, Level(ref entry, offence) / LimitOf(entry.Key, offence, limits, out _));
        }

        return nearest;
    }

    private BanStatus Ban(ref AbuseEntry entry, Offence why, long now, AbuseOptions limits)
    {
        if (entry.BannedUntil != 0 && now - entry.BannedUntil >= limits.LongestBan.Ticks)
        {
            entry.Bans = 0;
        }

        double length = Math.Min(limits.Ban.Ticks * Math.Pow(2, entry.Bans), limits.LongestBan.Ticks);
        entry.Bans = (byte)Math.Min(entry.Bans + 1, byte.MaxValue);
        entry.Count = Whole(Level(ref entry, why));
        entry.Why = why;
        entry.BannedSince = now;
        entry.BannedUntil = now + (long)length;
        // When it is over he begins anew.
        entry.Counted = default;
        entry.NextTry = 0;
        entry.LastTry = 0;
        Interlocked.Increment(ref _changes);
        return Describe(entry);
    }

    private AbuseEntry[]? SetOf(ClientKey key) => Volatile.Read(ref _sets[(uint)key.GetHashCode() % (uint)_sets.Length]);

    private AbuseEntry[] MakeSet(ClientKey key)
    {
        ref AbuseEntry[]? set = ref _sets[(uint)key.GetHashCode() % (uint)_sets.Length];
        return Volatile.Read(ref set) ?? Interlocked.CompareExchange(ref set, new AbuseEntry[Ways], null) ?? set;
    }
}

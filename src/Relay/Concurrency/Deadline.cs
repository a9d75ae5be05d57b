namespace Relay.Concurrency;

/// <summary>
/// The time by which its owner's present wait must end. The owner sets and clears it from its one loop; the heartbeat only reads it and calls back.
/// A callback may come just after the deadline was set anew: whoever is woken by it asks <see cref="HasExpired"/> before believing it.
/// </summary>
internal sealed class Deadline(Heartbeat heartbeat, Action expired) : IDisposable
{
    private const long Never = long.MaxValue;

    private long _at = Never;

    public bool HasExpired => IsDue(heartbeat.Time.GetTimestamp());

    /// <summary>Place in the heartbeat's list, which guards it; -1 once removed.</summary>
    internal int Index { get; set; } = -1;

    public void Set(TimeSpan wait)
    {
        TimeProvider time = heartbeat.Time;
        double ticks = wait.TotalSeconds * time.TimestampFrequency;
        long now = time.GetTimestamp();
        Volatile.Write(ref _at, ticks >= Never - now ? Never : now + (long)ticks);
    }

    public void Clear() => Volatile.Write(ref _at, Never);

    public void Dispose()
    {
        Clear();
        heartbeat.Remove(this);
    }

    internal bool IsDue(long now) => now >= Volatile.Read(ref _at);

    internal void Expire()
    {
        if (HasExpired)
        {
            expired();
        }
    }
}

namespace Relay.Flow.Queue;

/// <summary>
/// Keeps a <see cref="Rate"/>: a tenth of the messages, and one at least, may go at once, the others at even distances, so that in no time of the rate's length there are more than it says. Messages that could
/// have gone and didn't are not saved up beyond that. The generic cell rate algorithm (ITU-T I.371): one number of state, nothing to refill. A mutable struct for a field of its owner, who holds a lock.
/// </summary>
internal struct TokenBucket
{
    /// <summary>When the bucket will be full again, in ticks of elapsed time: the theoretical arrival time of I.371.</summary>
    private long _full;

    /// <summary>Whether a message may go now, and then counts; else how long it has to wait, and nothing has changed. The rate may be another one than before: a reload has an effect at once.</summary>
    public bool TryTake(Rate rate, TimeProvider time, out TimeSpan wait)
    {
        wait = Wait(rate, time, out long full);
        if (wait > TimeSpan.Zero)
        {
            return false;
        }

        _full = full;
        return true;
    }

    /// <summary>How long the next message has to wait.</summary>
    public readonly TimeSpan Wait(Rate rate, TimeProvider time) => Wait(rate, time, out _);

    /// <summary><paramref name="next"/>: when the bucket would be full again if it went.</summary>
    private readonly TimeSpan Wait(Rate rate, TimeProvider time, out long next)
    {
        // Elapsed time and not the clock's: a clock that is set back must not stop the mail.
        long now = Ticks(time.GetTimestamp(), time.TimestampFrequency);
        int burst = Math.Max(rate.Messages / 10, 1);
        // With the burst at its beginning, a time of the rate's length has room for the burst and for all but one of these distances.
        long distance = Math.Max((rate.Per.Ticks + rate.Messages - burst) / (rate.Messages - burst + 1), 1);
        next = Math.Clamp(_full, now, now + burst * distance) + distance;
        return TimeSpan.FromTicks(Math.Max(next - (now + burst * distance), 0));
    }

    /// <summary>In whole numbers: a long time since the timestamp's beginning loses its last digits as a fraction.</summary>
    private static long Ticks(long timestamp, long frequency) => timestamp / frequency * TimeSpan.TicksPerSecond + timestamp % frequency * TimeSpan.TicksPerSecond / frequency;
}

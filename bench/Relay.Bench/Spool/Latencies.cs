using System.Diagnostics;

namespace Relay.Bench.Spool;

/// <summary>Waiting times, kept in a ring of fixed size so that measuring allocates nothing. Any thread.</summary>
internal sealed class Latencies
{
    private readonly long[] _ticks = new long[1 << 18];
    private int _count;

    public void Add(long ticks) => _ticks[(Interlocked.Increment(ref _count) - 1) & (_ticks.Length - 1)] = ticks;

    public void Clear() => Volatile.Write(ref _count, 0);

    /// <summary>The time that this share of the messages didn't wait longer than.</summary>
    public TimeSpan Percentile(double share)
    {
        long[] sorted = [.. _ticks.Take(Math.Min(_count, _ticks.Length)).Order()];
        return sorted.Length == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(0, sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * share))]);
    }
}

namespace Relay.Bench.Spool;

/// <summary>What one way of storing reached: messages, in so much time, with so many syncs, and how long each message waited.</summary>
internal sealed record RateResult(long Messages, TimeSpan Elapsed, long Syncs, long Octets, long Allocated, Latencies Latencies)
{
    public double Rate => Messages / Elapsed.TotalSeconds;

    public double SyncsPerMessage => (double)Syncs / Math.Max(1, Messages);

    public double AllocatedPerMessage => (double)Allocated / Math.Max(1, Messages);
}

using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Relay.Spool;

/// <summary>What the transactions of one spool share. Immutable but for the pool; any thread.</summary>
internal sealed class SpoolContext
{
    // Enough for all sessions that are inside DATA at one time; more are simply made.
    private const int MostPooled = 4096;

    private readonly ConcurrentQueue<SpoolTransaction> _pool = new();

    internal required SpoolOptions Options { get; init; }

    internal required SpoolFiles Files { get; init; }

    internal required SpoolCondition Condition { get; init; }

    internal required SegmentStore Segments { get; init; }

    internal required CommitQueue Queue { get; init; }

    internal required Committer Committer { get; init; }

    internal required BodyWriters Bodies { get; init; }

    internal required BufferPool Buffers { get; init; }

    internal required MemoryBudget BufferBudget { get; init; }

    internal required MemoryBudget CacheBudget { get; init; }

    internal required TimeProvider Time { get; init; }

    internal required ILogger Log { get; init; }

    /// <summary>A quarter of a segment at most, so that segments of a test's size still hold several.</summary>
    internal int LongestInLog => Math.Min(SpoolTransaction.LongestInLog, Options.SegmentSize / 4);

    internal SpoolTransaction Rent() => _pool.TryDequeue(out SpoolTransaction? transaction) ? transaction : new SpoolTransaction(this);

    internal void Return(SpoolTransaction transaction)
    {
        if (_pool.Count < MostPooled)
        {
            _pool.Enqueue(transaction);
        }
    }

    /// <summary>Gives back a buffer that was a message's copy in memory.</summary>
    internal void ReleaseCache(byte[]? buffer)
    {
        if (buffer is not null)
        {
            CacheBudget.Give(buffer.Length);
            Buffers.Return(buffer);
        }
    }
}

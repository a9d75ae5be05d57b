using Relay.Concurrency;

namespace Relay.Bench.Queue;

/// <summary>What is handed over and what waits for its time.</summary>
internal sealed class BenchItem : ILinked<BenchItem>, ITimed
{
    public long DueTick { get; set; }

    public BenchItem? Next { get; set; }
}

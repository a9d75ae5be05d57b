namespace Relay.Testing;

/// <summary>What a hot path allocates. Linked into each test project that asks.</summary>
internal static class Allocations
{
    private const int Rounds = 3;

    /// <summary>
    /// Bytes that the calling thread allocates in so many runs, after two first ones that may initialise. The least of three rounds: what the path itself allocates shows in each, a stray
    /// figure (seen in one run of a dozen, with other tests at work) in one.
    /// </summary>
    public static long Of(Action action, int runs = 100)
    {
        action();
        action();
        long least = long.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < runs; i++)
            {
                action();
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}

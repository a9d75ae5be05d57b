namespace Relay.Protocol.Tests;

/// <summary>What a hot path allocates.</summary>
internal static class Allocations
{
    /// <summary>Bytes that the calling thread allocates in 100 runs, after a first one that may initialise.</summary>
    public static long Of(Action action)
    {
        action();
        action();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            action();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}

namespace Relay.Spool;

/// <summary>Counts octets against a limit. Any thread; what is taken is given back by whoever took it.</summary>
internal sealed class MemoryBudget(long limit)
{
    private long _taken;

    internal long Taken => Interlocked.Read(ref _taken);

    internal bool TryTake(long octets)
    {
        if (Interlocked.Add(ref _taken, octets) <= limit)
        {
            return true;
        }

        Interlocked.Add(ref _taken, -octets);
        return false;
    }

    /// <summary>Takes whether or not there is room, and says whether there was.</summary>
    internal bool Take(long octets) => Interlocked.Add(ref _taken, octets) <= limit;

    internal void Give(long octets) => Interlocked.Add(ref _taken, -octets);
}

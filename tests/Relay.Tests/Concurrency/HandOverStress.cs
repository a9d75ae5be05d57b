namespace Relay.Tests.Concurrency;

/// <summary>
/// Producers push numbered items as fast as they can while the consumer takes them, and everything is written down a second time in a list under a lock, which is the oracle. The first fault that
/// shows is a sentence: an item lost, doubled, out of its producer's order or never pushed, or an empty chain that nobody was told of.
/// </summary>
internal static class HandOverStress
{
    /// <summary>Null when all is as the oracle says.</summary>
    public static string? Run(Func<StressItem, bool> push, Func<StressItem?> takeAll, int producers, int each)
    {
        var oracle = new List<StressItem>();
        var gate = new Lock();
        int first = 0;
        using var start = new Barrier(producers + 1);
        Thread[] threads = [.. Enumerable.Range(0, producers).Select(p => new Thread(() =>
        {
            var own = new List<StressItem>(each);
            start.SignalAndWait();
            for (int i = 0; i < each; i++)
            {
                var item = new StressItem { Producer = p, Number = i };
                own.Add(item);
                if (push(item))
                {
                    Interlocked.Increment(ref first);
                }
            }

            lock (gate)
            {
                oracle.AddRange(own);
            }
        }))];
        Array.ForEach(threads, static t => t.Start());
        var taken = new List<StressItem>(producers * each);
        int chains = 0;
        start.SignalAndWait();
        bool ended;
        do
        {
            // Asked before the chain is taken: what ended producers have pushed is in this one.
            ended = Array.TrueForAll(threads, static t => !t.IsAlive);
            StressItem? item = takeAll();
            chains += item is null ? 0 : 1;
            for (; item is not null; item = item.Next)
            {
                taken.Add(item);
                if (taken.Count > producers * each)
                {
                    return "more items came than were pushed";
                }
            }
        }
        while (!ended);

        return Compare(oracle, taken, producers) ?? (first == chains ? null : $"{chains} chains were taken and {first} pushes said that they began one");
    }

    private static string? Compare(List<StressItem> oracle, List<StressItem> taken, int producers)
    {
        int[] next = new int[producers];
        foreach (StressItem item in taken)
        {
            if (item.Number != next[item.Producer]++)
            {
                return $"producer {item.Producer}: item {item.Number} came in the place of {next[item.Producer] - 1}";
            }
        }

        var missing = new HashSet<StressItem>(oracle);
        missing.SymmetricExceptWith(taken);
        return missing.Count == 0 ? null : $"{missing.Count} of {oracle.Count} items were lost or never pushed";
    }
}

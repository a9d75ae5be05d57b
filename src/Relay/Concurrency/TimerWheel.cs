namespace Relay.Concurrency;

/// <summary>
/// A hierarchical timer wheel: adding costs the same whatever the number of items, and a tick costs only what is due (Varghese and Lauck, 1987).
/// Four levels of 256 slots; an item far away lies in a coarse slot and comes down a level when that slot's time begins. Times are ticks of the owner's choice
/// and never come early. One thread owns it.
/// </summary>
internal sealed class TimerWheel<T>(long now)
    where T : class, ILinked<T>, ITimed
{
    private const int Bits = 8;
    private const int Slots = 1 << Bits;
    private const int Levels = 4;

    /// <summary>The farthest an item lies ahead; one that is due later is looked at again then.</summary>
    private const long Horizon = (1L << (Bits * Levels)) - 1;

    private readonly T?[] _slots = new T?[Levels * Slots];

    /// <summary>The tick up to which everything has been handed out.</summary>
    public long Now { get; private set; } = now;

    public int Count { get; private set; }

    /// <summary>Adds an item to come up at its <see cref="ITimed.DueTick"/>, or at the next tick when that has passed.</summary>
    public void Add(T item)
    {
        Count++;
        Place(item, Now + 1);
    }

    /// <summary>Moves on to <paramref name="now"/>; gives the items that have come due, linked, in the order of their times (within one tick: any order). Null when there are none.</summary>
    public T? Advance(long now)
    {
        T? first = null;
        T? last = null;
        if (Count == 0)
        {
            Now = Math.Max(Now, now);
            return null;
        }

        while (Now < now)
        {
            Now++;
            // When a lower level has gone round, the next slot of the level above holds what is to come in this round.
            for (int level = 1; level < Levels && (Now & ((1L << (Bits * level)) - 1)) == 0; level++)
            {
                T? item = Take(level, (int)(Now >> (Bits * level)) & (Slots - 1));
                while (item is not null)
                {
                    // What is due at this very tick is handed out by it, just below.
                    T? next = item.Next;
                    Place(item, Now);
                    item = next;
                }
            }

            T? due = Take(0, (int)Now & (Slots - 1));
            while (due is not null)
            {
                T? next = due.Next;
                if (due.DueTick > Now)
                {
                    Place(due, Now + 1);
                }
                else
                {
                    Count--;
                    due.Next = null;
                    if (last is null)
                    {
                        first = due;
                    }
                    else
                    {
                        last.Next = due;
                    }

                    last = due;
                }

                due = next;
            }
        }

        return first;
    }

    /// <summary>Takes out the items that <paramref name="which"/> selects; gives them linked, in any order. In the time that a look at each item takes.</summary>
    public T? Remove(Predicate<T> which)
    {
        T? removed = null;
        foreach (ref T? slot in _slots.AsSpan())
        {
            T? item = slot;
            slot = null;
            while (item is not null)
            {
                T? next = item.Next;
                if (which(item))
                {
                    item.Next = removed;
                    removed = item;
                    Count--;
                }
                else
                {
                    // Within a tick any order will do.
                    item.Next = slot;
                    slot = item;
                }

                item = next;
            }
        }

        return removed;
    }

    private void Place(T item, long earliest)
    {
        long due = Math.Clamp(item.DueTick, earliest, Now + Horizon);
        long ahead = due - Now;
        int level = 0;
        while (level < Levels - 1 && ahead >= 1L << (Bits * (level + 1)))
        {
            level++;
        }

        ref T? slot = ref _slots[level * Slots + ((int)(due >> (Bits * level)) & (Slots - 1))];
        item.Next = slot;
        slot = item;
    }

    private T? Take(int level, int index)
    {
        ref T? slot = ref _slots[level * Slots + index];
        T? item = slot;
        slot = null;
        return item;
    }
}

using System.Runtime.CompilerServices;
using Relay.Concurrency;

namespace Relay.Flow.Queue;

/// <summary>
/// One tenant's part of a <see cref="FairQueue{T}"/>: its items in three classes by priority (RFC 6710: above, at and below 0), in the order of their arrival within each, and its account.
/// A higher class goes first, but one that has been passed over <see cref="Patience"/> times in a row goes next, the lowest of such: nothing starves. The fair queue's owner alone uses it.
/// </summary>
internal sealed class TenantQueue<T>
    where T : class, ILinked<T>, ICosted
{
    /// <summary>Every eighth item is of the lowest class while there are any; urgent mail loses little by it.</summary>
    private const int Patience = 7;

    private const int Classes = 3;

    private ByClass<Fifo<T>> _items;

    /// <summary>How many items have gone ahead of each class since one of it went, or since it was empty.</summary>
    private ByClass<int> _passedOver;

    public int Tenant { get; set; }

    public int Weight { get; set; }

    /// <summary>What the tenant may still take in this round, in the unit of <see cref="ICosted.Cost"/>.</summary>
    public long Deficit { get; set; }

    /// <summary>It has been given its share of the present round.</summary>
    public bool HasShare { get; set; }

    /// <summary>The next tenant of the round, or the next spare one.</summary>
    public TenantQueue<T>? Next { get; set; }

    public bool IsEmpty => _items[0].First is null && _items[1].First is null && _items[2].First is null;

    /// <summary>The cost of what <see cref="Take"/> would give now. There must be an item.</summary>
    public int NextCost => _items[NextClass()].First!.Cost;

    public void Add(T item, int priority) => _items[1 - Math.Sign(priority)].Add(item);

    /// <summary>There must be an item.</summary>
    public T Take()
    {
        int taken = NextClass();
        T item = _items[taken].Take();
        for (int i = 0; i < Classes; i++)
        {
            _passedOver[i] = i == taken || _items[i].First is null ? 0 : _passedOver[i] + 1;
        }

        return item;
    }

    /// <summary>As <see cref="Fifo{T}.MoveTo"/>.</summary>
    public int MoveTo(ref Fifo<T> other, Predicate<T> which)
    {
        int moved = 0;
        for (int i = 0; i < Classes; i++)
        {
            moved += _items[i].MoveTo(ref other, which);
            _passedOver[i] = _items[i].First is null ? 0 : _passedOver[i];
        }

        return moved;
    }

    private int NextClass()
    {
        int highest = 0;
        for (int i = Classes - 1; i >= 0; i--)
        {
            if (_items[i].First is not null)
            {
                if (_passedOver[i] >= Patience)
                {
                    return i;
                }

                highest = i;
            }
        }

        return highest;
    }

    [InlineArray(Classes)]
    private struct ByClass<TElement>
    {
        private TElement _first;
    }
}

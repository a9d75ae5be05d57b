using System.Diagnostics.CodeAnalysis;
using Relay.Concurrency;

namespace Relay.Flow.Queue;

/// <summary>
/// What is ready for one site, shared out fairly between tenants: deficit round robin (Shreedhar and Varghese, 1996). In each round a tenant may take items that cost <see cref="Quantum"/> times
/// its weight; what it couldn't spend because its next item costs more is kept for the next round. So of two tenants that always had items waiting, neither is ahead of the other, per unit of weight,
/// by more than a quantum and the cost of one item of each. A tenant that has nothing waiting is in no round, and comes back with nothing saved up.
/// Adding and taking are O(1) for items that cost no more than a quantum, one more step for each quantum beyond, and allocate nothing but the place of a tenant more than there ever were at a time.
/// Not safe for threads: its owner holds a lock.
/// </summary>
internal sealed class FairQueue<T>
    where T : class, ILinked<T>, ICosted
{
    /// <summary>Small, so that tenants alternate by few messages; large enough that a message of 256 KiB doesn't wait for a second round.</summary>
    public const int Quantum = 4;

    /// <summary>The last tenant of the round; its successor has the turn. Null when nothing waits.</summary>
    private TenantQueue<T>? _last;

    private TenantQueue<T>? _spare;

    /// <summary>All tenants of the round, once there have been two at a time: most sites see one.</summary>
    private Dictionary<int, TenantQueue<T>>? _byTenant;

    public int Count { get; private set; }

    /// <summary>
    /// Adds an item at the end of its tenant's class. <paramref name="weight"/> (1 or more) holds for all that the tenant has waiting; <paramref name="priority"/> is that of MT-PRIORITY;
    /// <paramref name="cost"/> (1 or more) is what the item takes of its tenant's share.
    /// </summary>
    public void Add(T item, int tenant, int weight, int priority, int cost)
    {
        item.Cost = cost;
        TenantQueue<T> queue = Find(tenant) ?? Begin(tenant);
        queue.Weight = weight;
        queue.Add(item, priority);
        Count++;
    }

    public bool TryTake([NotNullWhen(true)] out T? item)
    {
        if (_last is null)
        {
            item = null;
            return false;
        }

        TenantQueue<T> turn = Turn(_last);
        turn.Deficit -= turn.NextCost;
        item = turn.Take();
        Count--;
        if (turn.IsEmpty)
        {
            End(turn, _last!);
        }

        return true;
    }

    /// <summary>Takes the items that <paramref name="which"/> selects out of turn, and puts them at the end of another queue. Every other item keeps its place. In the time that looking at each takes.</summary>
    public void MoveTo(ref Fifo<T> other, Predicate<T> which)
    {
        if (_last is not { } before)
        {
            return;
        }

        TenantQueue<T> end = before;
        bool more = true;
        while (more)
        {
            TenantQueue<T> tenant = before.Next!;
            more = !ReferenceEquals(tenant, end);
            Count -= tenant.MoveTo(ref other, which);
            if (tenant.IsEmpty)
            {
                End(tenant, before);
            }
            else
            {
                before = tenant;
            }
        }
    }

    /// <summary>The tenant that may take its next item now. Ends because every round brings each tenant nearer to it.</summary>
    private TenantQueue<T> Turn(TenantQueue<T> last)
    {
        while (true)
        {
            TenantQueue<T> turn = last.Next!;
            if (!turn.HasShare)
            {
                turn.Deficit += (long)Quantum * turn.Weight;
                turn.HasShare = true;
            }

            if (turn.NextCost <= turn.Deficit)
            {
                return turn;
            }

            turn.HasShare = false;
            _last = last = turn;
        }
    }

    private TenantQueue<T>? Find(int tenant) => _last?.Next!.Tenant == tenant ? _last.Next : _byTenant?.GetValueOrDefault(tenant);

    /// <summary>A tenant enters the round, at its end.</summary>
    private TenantQueue<T> Begin(int tenant)
    {
        TenantQueue<T> queue = _spare ?? new TenantQueue<T>();
        _spare = queue.Next;
        queue.Tenant = tenant;
        if (_last is null)
        {
            queue.Next = queue;
        }
        else
        {
            _byTenant ??= new() { [_last.Tenant] = _last };
            queue.Next = _last.Next;
            _last.Next = queue;
        }

        _last = queue;
        _byTenant?.Add(tenant, queue);
        return queue;
    }

    /// <summary>A tenant that has nothing waiting leaves the round.</summary>
    private void End(TenantQueue<T> tenant, TenantQueue<T> before)
    {
        before.Next = tenant.Next;
        if (ReferenceEquals(_last, tenant))
        {
            _last = ReferenceEquals(before, tenant) ? null : before;
        }

        _byTenant?.Remove(tenant.Tenant);
        tenant.Deficit = 0;
        tenant.HasShare = false;
        tenant.Next = _spare;
        _spare = tenant;
    }
}

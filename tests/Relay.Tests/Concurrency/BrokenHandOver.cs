using Relay.Concurrency;

namespace Relay.Tests.Concurrency;

/// <summary>A <see cref="HandOver{T}"/> with one fault put in at will, to show that the stress test sees it.</summary>
internal sealed class BrokenHandOver<T>(HandOverFault fault)
    where T : class, ILinked<T>
{
    private T? _head;

    public bool Push(T item)
    {
        T? head = Volatile.Read(ref _head);
        if (fault == HandOverFault.PushesWithoutComparing)
        {
            item.Next = head;
            Volatile.Write(ref _head, item);
            return head is null;
        }

        while (true)
        {
            item.Next = head;
            T? seen = Interlocked.CompareExchange(ref _head, item, head);
            if (ReferenceEquals(seen, head))
            {
                return head is null;
            }

            // The item still links to the head that was there before.
            if (fault == HandOverFault.KeepsTheOldLink && ReferenceEquals(Interlocked.CompareExchange(ref _head, item, seen), seen))
            {
                return seen is null;
            }

            head = seen;
        }
    }

    public T? TakeAll()
    {
        T? item = Volatile.Read(ref _head);
        if (fault == HandOverFault.TakesWithoutExchange)
        {
            Volatile.Write(ref _head, null);
        }
        else
        {
            item = Interlocked.Exchange(ref _head, null);
        }

        T? oldest = null;
        while (item is not null)
        {
            T? next = item.Next;
            item.Next = oldest;
            oldest = item;
            item = next;
        }

        return oldest;
    }
}

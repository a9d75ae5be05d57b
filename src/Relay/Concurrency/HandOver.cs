namespace Relay.Concurrency;

/// <summary>
/// Many producers hand items to one consumer without a lock: a stack that is pushed by compare and swap and only ever taken whole, which is why the ABA problem
/// (an item popped and pushed again between another's read and swap) can't arise. The consumer gets the items in the order of their pushes.
/// Items carry their own link: an item is in at most one such chain at a time.
/// Measured (bench, area Queue; two cores with other work, so the spread is wide): 14 to 58 ns for an item from 1 to 8 producers, beside 36 to 54 for ConcurrentQueue and 59 to 118 for an unbounded channel;
/// on one thread 28, 30 and 41. It was chosen because it is not clearly slower, and an empty one is one reference, of which every site has its own.
/// </summary>
internal sealed class HandOver<T>
    where T : class, ILinked<T>
{
    private T? _head;

    /// <summary>Any thread. True when the chain was empty before: the consumer may need to be woken.</summary>
    public bool Push(T item)
    {
        T? head = Volatile.Read(ref _head);
        while (true)
        {
            item.Next = head;
            // The swap is a full fence: whoever takes the chain sees the link and all that was written to the item before.
            T? seen = Interlocked.CompareExchange(ref _head, item, head);
            if (ReferenceEquals(seen, head))
            {
                return head is null;
            }

            head = seen;
        }
    }

    /// <summary>The consumer only. All items pushed so far, oldest first, linked by <see cref="ILinked{T}.Next"/>; null when there are none.</summary>
    public T? TakeAll()
    {
        T? item = Interlocked.Exchange(ref _head, null);
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

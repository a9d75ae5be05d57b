namespace Relay.Concurrency;

/// <summary>A queue of items by their own links: adding and taking allocate nothing. A mutable struct for a field of its owner, who sees to it that one thread at a time uses it.</summary>
internal struct Fifo<T>
    where T : class, ILinked<T>
{
    private T? _last;

    /// <summary>The item that is taken next; null when there is none.</summary>
    public T? First { get; private set; }

    public void Add(T item)
    {
        item.Next = null;
        if (_last is null)
        {
            First = item;
        }
        else
        {
            _last.Next = item;
        }

        _last = item;
    }

    /// <summary>Takes <see cref="First"/>, which must be there. Its link is free afterwards.</summary>
    public T Take()
    {
        T item = First!;
        First = item.Next;
        item.Next = null;
        if (First is null)
        {
            _last = null;
        }

        return item;
    }

    /// <summary>Moves the items that <paramref name="which"/> selects to the end of another queue; all keep their order. Gives their number.</summary>
    public int MoveTo(ref Fifo<T> other, Predicate<T> which)
    {
        int moved = 0;
        T? item = First;
        First = _last = null;
        while (item is not null)
        {
            T? next = item.Next;
            if (which(item))
            {
                other.Add(item);
                moved++;
            }
            else
            {
                Add(item);
            }

            item = next;
        }

        return moved;
    }
}

namespace Relay.Concurrency;

/// <summary>An item with room for one link, so that queues of it need no nodes. The structure that holds the item owns the link.</summary>
internal interface ILinked<T>
    where T : class
{
    T? Next { get; set; }
}

namespace Relay.Flow.Queue;

/// <summary>An item of a <see cref="FairQueue{T}"/>, with room for what it costs its tenant. The queue that holds the item owns the number.</summary>
internal interface ICosted
{
    int Cost { get; set; }
}

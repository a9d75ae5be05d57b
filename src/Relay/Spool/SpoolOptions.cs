namespace Relay.Spool;

/// <summary>Where and how messages are kept. Changing it needs a restart.</summary>
public sealed record SpoolOptions
{
    /// <summary>Absolute paths of the folders, one for each disk that shall work in parallel; made with mode 0700 when they don't exist. In any order.</summary>
    public required IReadOnlyList<string> Paths { get; init; }

    public Durability Durability { get; init; } = Durability.Sync;

    /// <summary>Octets of a log segment, a multiple of 4096. 64 MiB: rare enough to change, small enough to hold a few ready.</summary>
    public int SegmentSize { get; init; } = 64 * 1024 * 1024;

    /// <summary>Memory for bodies that are being received, all transactions together; beyond it they stream to files.</summary>
    public long BufferBudget { get; init; } = 128L * 1024 * 1024;

    /// <summary>Memory for bodies that are accepted and wait for their first delivery; beyond it they are read from disk.</summary>
    public long CacheBudget { get; init; } = 64L * 1024 * 1024;

    /// <summary>The most messages that are in memory, 1 at least; each takes about 430 octets and its envelope. What comes beyond waits on disk alone.</summary>
    public int MessagesInMemory { get; init; } = 1_000_000;

    public bool Equals(SpoolOptions? other) => other is not null && Paths.SequenceEqual(other.Paths)
        && (Durability, SegmentSize, BufferBudget, CacheBudget, MessagesInMemory) == (other.Durability, other.SegmentSize, other.BufferBudget, other.CacheBudget, other.MessagesInMemory);

    public override int GetHashCode() => HashCode.Combine(Paths.Count, Durability, SegmentSize, BufferBudget, CacheBudget, MessagesInMemory);
}

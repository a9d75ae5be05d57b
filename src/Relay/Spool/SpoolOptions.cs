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

    /// <summary>What a message that waits takes of memory, its envelope included, to within a little.</summary>
    private const long MessageOctets = 512;

    /// <summary>
    /// The same in a process that may have so many octets of memory, as a container's limit or the machine has it: a quarter of them for bodies being received, a third for the queue, an eighth for bodies that wait. From
    /// 1.5 GiB on nothing changes.
    /// </summary>
    public SpoolOptions Within(long memory) => this with
    {
        BufferBudget = Math.Min(BufferBudget, memory / 4),
        CacheBudget = Math.Min(CacheBudget, memory / 8),
        MessagesInMemory = (int)Math.Min(MessagesInMemory, Math.Max(1, memory / 3 / MessageOctets)),
    };

    public bool Equals(SpoolOptions? other) => other is not null && Paths.SequenceEqual(other.Paths)
        && (Durability, SegmentSize, BufferBudget, CacheBudget, MessagesInMemory) == (other.Durability, other.SegmentSize, other.BufferBudget, other.CacheBudget, other.MessagesInMemory);

    public override int GetHashCode() => HashCode.Combine(Paths.Count, Durability, SegmentSize, BufferBudget, CacheBudget, MessagesInMemory);
}

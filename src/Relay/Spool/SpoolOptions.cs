namespace Relay.Spool;

/// <summary>Where and how messages are kept. Changing it needs a restart.</summary>
public sealed record SpoolOptions
{
    /// <summary>An absolute path; made with mode 0700 when it doesn't exist.</summary>
    public required string Path { get; init; }

    public Durability Durability { get; init; } = Durability.Sync;

    /// <summary>Octets of a log segment, a multiple of 4096. 64 MiB: rare enough to change, small enough to hold a few ready.</summary>
    public int SegmentSize { get; init; } = 64 * 1024 * 1024;

    /// <summary>Memory for bodies that are being received, all transactions together; beyond it they stream to files.</summary>
    public long BufferBudget { get; init; } = 128L * 1024 * 1024;

    /// <summary>Memory for bodies that are accepted and wait for their first delivery; beyond it they are read from disk.</summary>
    public long CacheBudget { get; init; } = 64L * 1024 * 1024;
}

namespace Relay.Spool;

/// <summary>Where and how messages are kept. Changing it needs a restart.</summary>
public sealed record SpoolOptions
{
    /// <summary>An absolute path; made with mode 0700 when it doesn't exist.</summary>
    public required string Path { get; init; }

    public Durability Durability { get; init; } = Durability.Sync;
}

using Relay.Protocol.Message;

namespace Relay.Protocol.Dsn;

/// <summary>What a failure report tells, apart from the original's header fields. Used during the call only.</summary>
public readonly ref struct FailureReportInfo
{
    /// <summary>Our name: the reporting server.</summary>
    public required string Host { get; init; }

    /// <summary>The original's reverse-path, to whom the report goes. Never the null one.</summary>
    public required ReadOnlySpan<byte> ReversePath { get; init; }

    /// <summary>The original's id, as its client was told.</summary>
    public required QueueId OriginalId { get; init; }

    /// <summary>The report's own id.</summary>
    public required QueueId Id { get; init; }

    /// <summary>A random number that nobody outside can know beforehand: it makes the boundary, so that no reply and no header field can hold it.</summary>
    public required UInt128 Token { get; init; }

    public required DateTimeOffset Arrived { get; init; }

    public required DateTimeOffset Date { get; init; }

    /// <summary>When set, the recipients haven't failed: they are late, and tried until then.</summary>
    public DateTimeOffset? RetryUntil { get; init; }

    /// <summary>At least one.</summary>
    public required ReadOnlySpan<FailedRecipient> Recipients { get; init; }
}

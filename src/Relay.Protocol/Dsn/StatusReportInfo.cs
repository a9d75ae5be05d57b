using Relay.Protocol.Message;

namespace Relay.Protocol.Dsn;

/// <summary>What a status report tells, apart from the original. Used during the call only.</summary>
public readonly ref struct StatusReportInfo
{
    /// <summary>Our name: the reporting server.</summary>
    public required string Host { get; init; }

    /// <summary>The original's reverse-path, to whom the report goes. Never the null one.</summary>
    public required ReadOnlySpan<byte> ReversePath { get; init; }

    /// <summary>The original's id, as its client was told.</summary>
    public required QueueId OriginalId { get; init; }

    /// <summary>The original's ENVID (RFC 3461 §4.4), xtext as it came; empty when it had none.</summary>
    public ReadOnlySpan<byte> EnvelopeId { get; init; }

    /// <summary>The report's own id.</summary>
    public required QueueId Id { get; init; }

    /// <summary>A random number that nobody outside can know beforehand: it makes the boundary, so that no reply and no header field can hold it.</summary>
    public required UInt128 Token { get; init; }

    public required DateTimeOffset Arrived { get; init; }

    public required DateTimeOffset Date { get; init; }

    /// <summary>Of recipients that are late: until when they are tried.</summary>
    public DateTimeOffset? RetryUntil { get; init; }

    /// <summary>The subject, in whatever language.</summary>
    public required string Subject { get; init; }

    /// <summary>The part for people: lines, in whatever language. Whatever it holds, it stays in its part.</summary>
    public required string Text { get; init; }

    /// <summary>The language of the text (RFC 5646), for Content-Language.</summary>
    public required string Language { get; init; }

    /// <summary>The whole original follows instead of its header section; it has 7-bit octets only.</summary>
    public bool IsFull { get; init; }

    /// <summary>At least one, all with the same action.</summary>
    public required ReadOnlySpan<ReportedRecipient> Recipients { get; init; }
}

namespace Relay.Flow;

/// <summary>Reports to other domains on TLS with their hosts (RFC 8460). There are none without <see cref="Contact"/>.</summary>
public sealed record TlsReportOptions
{
    /// <summary>A mailbox of ours: who is asked about a report, and whom it comes from. Null: nothing is counted and nobody is told.</summary>
    public string? Contact { get; init; }

    /// <summary>Who we are, in words; null: the relay's name.</summary>
    public string? Organization { get; init; }
}

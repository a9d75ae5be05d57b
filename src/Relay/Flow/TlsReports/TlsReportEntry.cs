namespace Relay.Flow.TlsReports;

/// <summary>What came of the tries under one policy.</summary>
internal sealed class TlsReportEntry
{
    public required TlsReportedPolicy Policy { get; init; }

    public TlsReportSummary Summary { get; init; } = new();

    public List<TlsReportFailure> FailureDetails { get; init; } = [];
}

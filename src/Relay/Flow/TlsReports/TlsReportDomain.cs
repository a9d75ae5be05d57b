namespace Relay.Flow.TlsReports;

/// <summary>A domain's day: what is to be told, and where it has been told already.</summary>
internal sealed class TlsReportDomain
{
    public List<TlsReportEntry> Policies { get; init; } = [];

    public List<string> Told { get; init; } = [];
}

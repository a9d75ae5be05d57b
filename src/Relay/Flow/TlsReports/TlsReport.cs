namespace Relay.Flow.TlsReports;

/// <summary>A report as it is sent (RFC 8460 §4.4).</summary>
internal sealed record TlsReport(string OrganizationName, TlsReportPeriod DateRange, string ContactInfo, string ReportId, IReadOnlyList<TlsReportEntry> Policies);

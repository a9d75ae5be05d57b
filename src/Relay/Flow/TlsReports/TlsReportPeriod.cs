namespace Relay.Flow.TlsReports;

/// <summary>What a report is of (RFC 8460 §4.4), in RFC 3339's form.</summary>
internal sealed record TlsReportPeriod(DateTimeOffset StartDatetime, DateTimeOffset EndDatetime);

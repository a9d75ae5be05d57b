namespace Relay.Flow.TlsReports;

/// <summary>A policy as a report names it (RFC 8460 §4.4): "tlsa", "sts" or "no-policy-found", the text of it line by line, the domain, and the hosts that it allows.</summary>
internal sealed record TlsReportedPolicy(string PolicyType, IReadOnlyList<string>? PolicyString, string PolicyDomain, IReadOnlyList<string>? MxHost);

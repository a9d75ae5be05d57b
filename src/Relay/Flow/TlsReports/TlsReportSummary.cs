using System.Text.Json.Serialization;

namespace Relay.Flow.TlsReports;

/// <summary>How many tries went well and how many didn't (RFC 8460 §4.4).</summary>
internal sealed class TlsReportSummary
{
    [JsonPropertyName("total-successful-session-count")]
    public long Successful { get; set; }

    [JsonPropertyName("total-failure-session-count")]
    public long Failed { get; set; }
}

using System.Text.Json.Serialization;

namespace Relay.Flow.TlsReports;

/// <summary>Tries that failed alike (RFC 8460 §4.4). What is null isn't said.</summary>
internal sealed class TlsReportFailure
{
    public required string ResultType { get; init; }

    public string? SendingMtaIp { get; init; }

    public string? ReceivingMxHostname { get; init; }

    public string? ReceivingIp { get; init; }

    [JsonPropertyName("failed-session-count")]
    public long Count { get; set; }

    public string? FailureReasonCode { get; init; }
}

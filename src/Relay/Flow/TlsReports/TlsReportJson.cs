using System.Text.Json.Serialization;

namespace Relay.Flow.TlsReports;

/// <summary>Reports, and the days in the making, as JSON with the names of RFC 8460.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TlsReport))]
[JsonSerializable(typeof(Dictionary<string, TlsReportDomain>))]
internal sealed partial class TlsReportJson : JsonSerializerContext;

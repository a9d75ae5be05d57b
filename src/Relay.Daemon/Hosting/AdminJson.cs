using System.Text.Json.Serialization;
using Relay.Flow;
using Relay.Flow.Abuse;

namespace Relay.Daemon.Hosting;

/// <summary>How the admin listener's answers look as JSON, for both who writes and who reads them.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AdminList<DestinationStatus>), TypeInfoPropertyName = "Destinations")]
[JsonSerializable(typeof(AdminList<SiteStatus>), TypeInfoPropertyName = "Sites")]
[JsonSerializable(typeof(AdminList<TenantStatus>), TypeInfoPropertyName = "Tenants")]
[JsonSerializable(typeof(AdminList<BanStatus>), TypeInfoPropertyName = "Bans")]
[JsonSerializable(typeof(AdminLift))]
[JsonSerializable(typeof(AdminWhy))]
[JsonSerializable(typeof(AdminTrace))]
[JsonSerializable(typeof(MessageStatus))]
[JsonSerializable(typeof(OrderAnswer))]
[JsonSerializable(typeof(AdminError))]
internal sealed partial class AdminJson : JsonSerializerContext;

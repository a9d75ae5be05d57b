using System.Text.Json.Serialization;

namespace Relay.Flow.Policy;

/// <summary>What users have sent, as a file: by the user's name.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Dictionary<string, UsageRecord>))]
internal sealed partial class UsageJson : JsonSerializerContext;

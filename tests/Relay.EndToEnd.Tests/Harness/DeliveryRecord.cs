using System.Text.Json;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>One line of deliveries.jsonl.</summary>
internal sealed record DeliveryRecord(string Id, string Event, string From, string To, JsonElement Json, string Line);

namespace Relay.Telemetry;

/// <summary>What the delivery log, the metrics and the log call an event.</summary>
internal static class DeliveryEventWord
{
    // In the order of DeliveryEvent.
    public static readonly string[] All = ["received", "delivered", "deferred", "bounced", "expired", "dropped", "held", "released", "discarded"];

    public static string Of(DeliveryEvent happened) => All[(int)happened];
}

namespace Relay.Telemetry;

/// <summary>
/// What the delivery log says of one message: its lines as they stand there (JSON objects), in their order. Complete: nothing can be missing but what is younger than a second; otherwise the search had to end, or to leave parts out.
/// </summary>
public sealed record DeliveryTrace(IReadOnlyList<string> Events, bool IsComplete);

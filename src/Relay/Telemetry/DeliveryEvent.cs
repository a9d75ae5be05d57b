namespace Relay.Telemetry;

/// <summary>What happened to one recipient of one message; the delivery log's word for it is the name in lower case.</summary>
public enum DeliveryEvent
{
    Received,
    Delivered,
    Deferred,
    Bounced,
    Expired,
}

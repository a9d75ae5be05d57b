namespace Relay.Telemetry;

/// <summary>What happened to one recipient of one message; the delivery log's word for it is the name in lower case.</summary>
public enum DeliveryEvent
{
    Received,
    Delivered,
    Deferred,
    Bounced,
    Expired,

    /// <summary>Given up by an operator without a word to the sender.</summary>
    Dropped,

    /// <summary>An operator keeps it from being tried…</summary>
    Held,

    /// <summary>…and lets it be tried again.</summary>
    Released,

    /// <summary>Taken from the client and thrown away, because a content filter wants it so.</summary>
    Discarded,
}

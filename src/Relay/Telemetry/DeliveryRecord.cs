using Relay.Protocol.Message;
using Relay.Protocol.Smtp;

namespace Relay.Telemetry;

/// <summary>
/// One event of one recipient, for <see cref="DeliveryLog.Write"/>, which takes the addresses beside it as the octets they are in the envelope.
/// What is null is left out of the log line.
/// </summary>
public readonly record struct DeliveryRecord
{
    public required DateTimeOffset Time { get; init; }

    public required QueueId Id { get; init; }

    public required DeliveryEvent Event { get; init; }

    /// <summary>Octets of the message as stored.</summary>
    public long Size { get; init; }

    /// <summary>1 for the first attempt; 0 for <see cref="DeliveryEvent.Received"/>.</summary>
    public int Attempt { get; init; }

    /// <summary>Since the message's arrival.</summary>
    public long DelayMs { get; init; }

    public NextHopInfo? NextHop { get; init; }

    /// <summary>The local address that the attempt came from.</summary>
    public string? Source { get; init; }

    public TlsInfo? Tls { get; init; }

    /// <summary>Who or what demanded what of TLS, in a word.</summary>
    public string? TlsPolicy { get; init; }

    public PeerReply? Reply { get; init; }

    /// <summary>What kind of answer the reply is, in a word; null for a yes.</summary>
    public string? Class { get; init; }

    /// <summary>The address of the client that handed the message in.</summary>
    public string? Client { get; init; }

    /// <summary>What that client called itself.</summary>
    public string? Hello { get; init; }

    /// <summary>A report was given up, about which nobody is told: this record is its end.</summary>
    public bool IsDeadLetter { get; init; }

    /// <summary>Of a deferred recipient.</summary>
    public DateTimeOffset? NextAttempt { get; init; }
}

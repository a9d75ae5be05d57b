using System.Net;

namespace Relay.Protocol.Message;

/// <summary>What a Received field tells (RFC 5321 §4.4). The spans are used during the call only.</summary>
public readonly ref struct ReceivedInfo
{
    /// <summary>The client's own name, from EHLO or HELO.</summary>
    public ReadOnlySpan<byte> Hello { get; init; }

    /// <summary>The name that DNS gives for the client's address; null when there is none or it isn't known yet.</summary>
    public string? ClientName { get; init; }

    public required IPAddress ClientAddress { get; init; }

    /// <summary>Our name.</summary>
    public required string By { get; init; }

    /// <summary>SMTP, ESMTP, ESMTPS, ESMTPSA … (RFC 3848).</summary>
    public required string Protocol { get; init; }

    public QueueId Id { get; init; }

    /// <summary>The one recipient; empty when there are several, or the field would give away the blind copies (RFC 5321 §7.2).</summary>
    public ReadOnlySpan<byte> For { get; init; }

    public DateTimeOffset Date { get; init; }
}

namespace Relay.Flow;

/// <summary>How long each phase of a delivery may take (RFC 5321 §4.5.3.2, which gives the minima).</summary>
public sealed record DeliveryTimeouts
{
    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan Tls { get; init; } = TimeSpan.FromMinutes(1);

    public TimeSpan Greeting { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>For the reply to EHLO, STARTTLS, MAIL and RCPT.</summary>
    public TimeSpan Command { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>For the 354.</summary>
    public TimeSpan Data { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>For each piece of the message to be taken.</summary>
    public TimeSpan Body { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>For the reply to the end of the data: giving up too early makes duplicates.</summary>
    public TimeSpan EndOfData { get; init; } = TimeSpan.FromMinutes(10);
}

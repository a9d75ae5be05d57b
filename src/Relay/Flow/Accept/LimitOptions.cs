namespace Relay.Flow.Accept;

/// <summary>What one client, or all of them, may take. Reloadable: a connection keeps the limits it began with.</summary>
public sealed record LimitOptions
{
    /// <summary>Octets of a message as stored, our Received field not counted. 25 MiB is what the large providers take, base64 included.</summary>
    public long MessageSize { get; init; } = 25L * 1024 * 1024;

    /// <summary>RFC 5321 §4.5.3.1.8 asks for 100 at least; 1000 is Postfix's limit, which senders expect.</summary>
    public int Recipients { get; init; } = 1000;

    public int Connections { get; init; } = 20_000;

    public int ConnectionsPerAddress { get; init; } = 200;

    /// <summary>From one network (/24 of IPv4, /64 of IPv6) of strangers.</summary>
    public int ConnectionsPerNetwork { get; init; } = 1000;

    /// <summary>For each command, from the last one's reply to its own last octet; RFC 5321 §4.5.3.2.7: at least 5 minutes.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Idle inside a message; RFC 5321 §4.5.3.2.5 gives the client 3 minutes a block.</summary>
    public TimeSpan DataTimeout { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>Octets a second that a message has to come with, on the whole, once <see cref="DataTimeout"/> is used up; Postfix's smtpd_min_data_rate.</summary>
    public long DataRate { get; init; } = 500;

    /// <summary>Refused commands before 421; Postfix's hard error limit.</summary>
    public int Errors { get; init; } = 20;
}

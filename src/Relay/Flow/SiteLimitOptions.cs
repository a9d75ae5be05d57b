namespace Relay.Flow;

/// <summary>What one site, the hosts to which some domains' mail goes, gets of us at most. How much of it is used is learned from what the site does.</summary>
public sealed record SiteLimitOptions
{
    /// <summary>Connections at a time (Postfix's default_destination_concurrency_limit).</summary>
    public int Connections { get; init; } = 20;

    /// <summary>Messages on one connection; 0: as many as come in the time that a connection is kept. By number, all connections would gather at the slowest host.</summary>
    public int MessagesPerConnection { get; init; }

    /// <summary>Null: as fast as they can be sent.</summary>
    public Rate? Rate { get; init; }

    /// <summary>Recipients in one transaction (RFC 5321 §4.5.3.1.8: every server takes 100).</summary>
    public int RecipientsPerMessage { get; init; } = 100;
}

namespace Relay.Flow;

/// <summary>An exception to the limits for all sites, for those that <see cref="Domain"/> or <see cref="Mx"/> selects; exactly one of the two is set. What is null is as for all.</summary>
public sealed record LimitRule
{
    /// <summary>The recipients' domain, "*.domain" for everything below it, or "*". Lower case.</summary>
    public string? Domain { get; init; }

    /// <summary>The same for the names of hosts: every host of the site matches.</summary>
    public string? Mx { get; init; }

    public int? Connections { get; init; }

    public int? MessagesPerConnection { get; init; }

    public Rate? Rate { get; init; }

    public int? RecipientsPerMessage { get; init; }
}

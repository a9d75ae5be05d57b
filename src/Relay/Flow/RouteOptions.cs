namespace Relay.Flow;

/// <summary>One exception to MX look-up. The first route whose pattern matches wins.</summary>
public sealed record RouteOptions
{
    /// <summary>A domain, "*.domain" for everything below it, or "*" for every domain. Lower case.</summary>
    public required string Domain { get; init; }

    public required NextHop NextHop { get; init; }

    /// <summary>Null: as <see cref="DeliveryOptions.Tls"/> says.</summary>
    public OutboundTls? Tls { get; init; }

    /// <summary>Null: as <see cref="DeliveryOptions.Limits"/> and <see cref="DeliveryOptions.LimitRules"/> say.</summary>
    public SiteLimitOptions? Limits { get; init; }

    /// <summary>Null: we don't log in.</summary>
    public HopCredentials? Credentials { get; init; }

    /// <summary>Null: as <see cref="DeliveryOptions.Egress"/> says.</summary>
    public EgressPool? Egress { get; init; }
}

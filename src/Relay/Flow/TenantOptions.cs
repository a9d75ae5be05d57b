using System.Net;

namespace Relay.Flow;

/// <summary>One of those whose mail shares this relay fairly. A name "default" speaks of all clients that are nobody else's.</summary>
public sealed record TenantOptions
{
    public const string Default = "default";

    public string Name { get; init; } = "";

    /// <summary>Where its clients are; of networks within each other the narrowest counts.</summary>
    public IReadOnlyList<IPNetwork> Networks { get; init; } = [];

    /// <summary>Its share, beside those of others that have mail for the same site: 1 or more.</summary>
    public int Weight { get; init; } = 1;

    /// <summary>From where its mail leaves, unless a route says otherwise; null: as all mail does.</summary>
    public EgressPool? Egress { get; init; }
}

namespace Relay.Flow.Queue;

/// <summary>
/// The limits that the configuration sets for each site: the first rule that matches wins, whatever the others say; without one, those for all. The same rule gives the same object, so that
/// domains under different rules can be told apart by it. Immutable, any thread.
/// </summary>
internal sealed class SiteLimits
{
    private readonly SiteLimitOptions _all;
    private readonly IReadOnlyList<LimitRule> _rules;
    private readonly SiteLimitOptions[] _limits;

    public SiteLimits(DeliveryOptions options)
    {
        _all = options.Limits;
        _rules = options.LimitRules;
        _limits = [.. options.LimitRules.Select(rule => new SiteLimitOptions
        {
            Connections = rule.Connections ?? _all.Connections,
            MessagesPerConnection = rule.MessagesPerConnection ?? _all.MessagesPerConnection,
            Rate = rule.Rate ?? _all.Rate,
            RecipientsPerMessage = rule.RecipientsPerMessage ?? _all.RecipientsPerMessage,
        })];
    }

    /// <summary>For the mail of a domain (lower case) that goes to these hosts; a site without hosts matches by domain alone.</summary>
    public SiteLimitOptions For(string domain, IReadOnlyList<HostTarget> hosts)
    {
        for (int i = 0; i < _limits.Length; i++)
        {
            if (_rules[i].Domain is { } pattern ? DomainPattern.Matches(pattern, domain) : AllMatch(_rules[i].Mx!, hosts))
            {
                return _limits[i];
            }
        }

        return _all;
    }

    /// <summary>For a route's mail: by the domains that the route is for, and by the host of its next hop.</summary>
    public SiteLimitOptions For(RouteOptions route)
    {
        if (route.Limits is { } own)
        {
            return own;
        }

        for (int i = 0; i < _limits.Length; i++)
        {
            if (_rules[i].Domain is { } pattern ? DomainPattern.Matches(pattern, route.Domain) : DomainPattern.Matches(_rules[i].Mx!, route.NextHop.Host))
            {
                return _limits[i];
            }
        }

        return _all;
    }

    private static bool AllMatch(string pattern, IReadOnlyList<HostTarget> hosts)
    {
        // By index: an enumerator of the interface would be an object.
        for (int i = 0; i < hosts.Count; i++)
        {
            if (!DomainPattern.Matches(pattern, hosts[i].Host))
            {
                return false;
            }
        }

        return hosts.Count > 0;
    }
}

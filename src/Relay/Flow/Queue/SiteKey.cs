namespace Relay.Flow.Queue;

/// <summary>
/// What makes mail for different domains go the same way: the same hosts in the same order, spoken to alike, within the same limits. <see cref="Hosts"/>: the exchangers' names, equal preferences joined by a comma,
/// others by a semicolon; or a configured next hop. <see cref="Egress"/> null: the system chooses from where.
/// </summary>
internal readonly record struct SiteKey(string Hosts, NextHopScheme Scheme, TlsDemand Tls, SiteLimitOptions Limits, EgressPool? Egress = null, HopCredentials? Credentials = null)
{
    public static SiteKey Of(IReadOnlyList<HostTarget> targets, RouteOptions? route, TlsDemand tls, SiteLimitOptions limits, EgressPool? egress = null)
    {
        if (route is not null)
        {
            return new SiteKey(route.NextHop.ToString(), route.NextHop.Scheme, tls, limits, egress, route.Credentials);
        }

        IEnumerable<string> ranks = targets.GroupBy(static t => t.Preference).OrderBy(static rank => rank.Key)
            .Select(static rank => string.Join(',', rank.Select(static t => t.Host).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)));
        return new SiteKey(string.Join(';', ranks), NextHopScheme.Smtp, tls, limits, egress);
    }
}

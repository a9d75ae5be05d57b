namespace Relay.Flow.Route;

/// <summary>
/// The routes of the configuration: the first one that matches a domain wins, whatever the others say. Immutable, any thread; finding allocates nothing
/// and costs one look-up a label, however many routes there are.
/// </summary>
internal sealed class RouteTable
{
    private readonly IReadOnlyList<RouteOptions> _routes;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _exact;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _below;
    private readonly int _all = int.MaxValue;

    public RouteTable(IReadOnlyList<RouteOptions> routes)
    {
        _routes = routes;
        var exact = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        var below = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i < routes.Count; i++)
        {
            string pattern = routes[i].Domain;
            if (pattern == "*")
            {
                _all = Math.Min(_all, i);
            }
            else if (pattern.StartsWith("*.", StringComparison.Ordinal))
            {
                below.TryAdd(pattern[2..], i);
            }
            else
            {
                exact.TryAdd(pattern, i);
            }
        }

        _exact = exact.GetAlternateLookup<ReadOnlySpan<char>>();
        _below = below.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The route for <paramref name="domain"/> (any case, with or without a trailing dot, an address literal too), or null: then its MX records decide.</summary>
    public RouteOptions? Find(ReadOnlySpan<char> domain)
    {
        domain = domain.TrimEnd('.');
        int best = _all;
        if (_exact.TryGetValue(domain, out int route))
        {
            best = Math.Min(best, route);
        }

        if (_below.Dictionary.Count > 0)
        {
            for (int dot = domain.IndexOf('.'); dot >= 0; dot = domain.IndexOf('.'))
            {
                domain = domain[(dot + 1)..];
                if (_below.TryGetValue(domain, out route))
                {
                    best = Math.Min(best, route);
                }
            }
        }

        return best == int.MaxValue ? null : _routes[best];
    }
}

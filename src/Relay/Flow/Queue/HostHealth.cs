namespace Relay.Flow.Queue;

/// <summary>
/// Which hosts of a site failed lately, so that their turn comes last: a backup answers at once while the first host is down, and of many deliveries one at a time finds out whether it is back.
/// Under its site's lock.
/// </summary>
internal sealed class HostHealth
{
    /// <summary>Doubled with each failure in a row.</summary>
    private static readonly TimeSpan FirstRest = TimeSpan.FromSeconds(30);

    private const int MostDoublings = 4;

    private readonly Dictionary<string, Rest> _resting = new(StringComparer.Ordinal);

    private readonly Dictionary<string, int> _connections = new(StringComparer.Ordinal);

    /// <summary>It serves a connection.</summary>
    public void Connected(string host)
    {
        _resting.Remove(host);
        _connections[host] = _connections.GetValueOrDefault(host) + 1;
    }

    public void Disconnected(string host)
    {
        if (--_connections[host] == 0)
        {
            _connections.Remove(host);
        }
    }

    /// <summary>The share of the hosts that didn't fail lately, or serve connections all the same.</summary>
    public double Answering(IReadOnlyList<HostTarget> targets)
    {
        if (targets.Count == 0)
        {
            return 0;
        }

        int answering = 0;
        foreach (HostTarget target in targets)
        {
            answering += !_resting.ContainsKey(target.Host) || _connections.ContainsKey(target.Host) ? 1 : 0;
        }

        return (double)answering / targets.Count;
    }

    public void Failed(string host, DateTimeOffset now)
    {
        int failures = _resting.TryGetValue(host, out Rest rest) ? rest.Failures + 1 : 1;
        _resting[host] = new Rest(failures, now + Length(failures));
    }

    /// <summary>Sorts hosts that rest behind the others, otherwise as they are. One whose rest is over keeps its place, and rests again for those who ask later: they don't wait for the one who tries.</summary>
    public void Order(List<HostTarget> targets, DateTimeOffset now)
    {
        if (_resting.Count == 0)
        {
            return;
        }

        HostTarget[] sorted = [.. targets.OrderBy(t => _resting.TryGetValue(t.Host, out Rest rest) && now < rest.Until)];
        targets.Clear();
        targets.AddRange(sorted);
        if (_resting.TryGetValue(targets[0].Host, out Rest first))
        {
            _resting[targets[0].Host] = first with { Until = now + Length(first.Failures) };
        }

        foreach (string gone in _resting.Keys.Where(host => !targets.Exists(t => t.Host == host)).ToList())
        {
            _resting.Remove(gone);
        }
    }

    private static TimeSpan Length(int failures) => FirstRest * (1 << Math.Min(failures - 1, MostDoublings));

    private readonly record struct Rest(int Failures, DateTimeOffset Until);
}

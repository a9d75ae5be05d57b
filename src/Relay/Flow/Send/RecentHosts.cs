using System.Net;

namespace Relay.Flow.Send;

/// <summary>
/// Hosts of which something is remembered for an hour: that they lose their way when one transaction follows another without waiting, or that TLS with them breaks. What matters is to know the few that do it, so when
/// there is no room the one that was noted first makes it. Any thread.
/// </summary>
internal sealed class RecentHosts(TimeProvider time)
{
    private const int MaximumHosts = 1000;

    private static readonly TimeSpan Life = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, long> _hosts = [];
    private readonly Queue<(IPAddress Host, long Noted)> _order = new();

    public bool Contains(IPAddress host)
    {
        lock (_lock)
        {
            return _hosts.TryGetValue(host, out long noted) && time.GetElapsedTime(noted) < Life;
        }
    }

    public void Add(IPAddress host)
    {
        long now = time.GetTimestamp();
        lock (_lock)
        {
            // Noted again it stands twice in the order; only the later entry ends it.
            while (_order.Count >= MaximumHosts || (_order.TryPeek(out (IPAddress Host, long Noted) first) && time.GetElapsedTime(first.Noted, now) >= Life))
            {
                (IPAddress oldest, long noted) = _order.Dequeue();
                if (_hosts.TryGetValue(oldest, out long latest) && latest == noted)
                {
                    _hosts.Remove(oldest);
                }
            }

            _hosts[host] = now;
            _order.Enqueue((host, now));
        }
    }
}

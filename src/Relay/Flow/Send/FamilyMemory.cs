using System.Net.Sockets;

namespace Relay.Flow.Send;

/// <summary>
/// Which family of addresses hasn't worked lately where the other did: it is tried second for a while, so that a machine whose IPv6 leads nowhere pays for it once and not with each connection.
/// For the machine as a whole: to be tried second costs a family that works next to nothing. Any thread.
/// </summary>
internal sealed class FamilyMemory(TimeProvider time)
{
    private static readonly TimeSpan Lately = TimeSpan.FromMinutes(10);

    private long _ipv4Failed = long.MinValue;
    private long _ipv6Failed = long.MinValue;

    /// <summary>The addresses with those of a family that failed lately behind the others, otherwise as they are.</summary>
    public ConnectionKey[] Order(IReadOnlyList<ConnectionKey> addresses)
    {
        bool ipv4 = HasFailed(Volatile.Read(ref _ipv4Failed));
        bool ipv6 = HasFailed(Volatile.Read(ref _ipv6Failed));
        return ipv4 == ipv6
            ? [.. addresses]
            : [.. addresses.OrderBy(k => k.EndPoint.AddressFamily == (ipv4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6))];
    }

    /// <summary>A connection came about with one, and not with the others, which had begun before it.</summary>
    public void Won(ConnectionKey winner, IReadOnlyList<ConnectionKey> losers)
    {
        if (winner.Address is null)
        {
            return;
        }

        Volatile.Write(ref Of(winner.EndPoint.AddressFamily), long.MinValue);
        foreach (ConnectionKey loser in losers)
        {
            if (loser.EndPoint.AddressFamily != winner.EndPoint.AddressFamily)
            {
                Volatile.Write(ref Of(loser.EndPoint.AddressFamily), time.GetTimestamp());
            }
        }
    }

    private bool HasFailed(long at) => at != long.MinValue && time.GetElapsedTime(at) < Lately;

    private ref long Of(AddressFamily family) => ref family == AddressFamily.InterNetworkV6 ? ref _ipv6Failed : ref _ipv4Failed;
}

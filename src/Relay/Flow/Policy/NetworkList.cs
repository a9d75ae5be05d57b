using System.Net;

namespace Relay.Flow.Policy;

/// <summary>What a list of networks in the configuration says of a client.</summary>
internal static class NetworkList
{
    /// <summary>Whether one of the networks has the address in it. A v4-mapped address is judged as the v4 address it is.</summary>
    public static bool Covers(this IReadOnlyList<IPNetwork> networks, IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        // By index: an enumerator of the interface would be an object.
        for (int i = 0; i < networks.Count; i++)
        {
            if (networks[i].Contains(address))
            {
                return true;
            }
        }

        return false;
    }
}

using System.Collections.Frozen;
using System.Net;
using System.Net.Sockets;

namespace Relay.Flow.Policy;

/// <summary>Networks, found in a time that depends on how many different prefix lengths there are and not on how many networks: for lists of any length. Immutable; any thread.</summary>
public sealed class NetworkSet
{
    private readonly (int Prefix, FrozenSet<UInt128> Networks)[] _ipv4;
    private readonly (int Prefix, FrozenSet<UInt128> Networks)[] _ipv6;

    public NetworkSet(IEnumerable<IPNetwork> networks)
    {
        ILookup<bool, IPNetwork> byFamily = networks.ToLookup(static n => n.BaseAddress.AddressFamily == AddressFamily.InterNetwork);
        _ipv4 = ByPrefix(byFamily[true], 32);
        _ipv6 = ByPrefix(byFamily[false], 128);
    }

    public static NetworkSet Empty { get; } = new([]);

    /// <summary>The prefix length of the narrowest network that the address is in; -1 when it is in none. A v4-mapped address is judged as the v4 address it is.</summary>
    public int Narrowest(IPAddress address)
    {
        UInt128 number = ClientKey.Number(address);
        bool isV4 = ClientKey.IsIpv4(number);
        foreach ((int prefix, FrozenSet<UInt128> networks) in isV4 ? _ipv4 : _ipv6)
        {
            if (networks.Contains(number & Mask(prefix, isV4 ? 32 : 128)))
            {
                return prefix;
            }
        }

        return -1;
    }

    private static (int Prefix, FrozenSet<UInt128> Networks)[] ByPrefix(IEnumerable<IPNetwork> networks, int bits) =>
    [
        .. networks.GroupBy(static n => n.PrefixLength).OrderByDescending(static g => g.Key)
            .Select(g => (g.Key, g.Select(n => ClientKey.Number(n.BaseAddress) & Mask(n.PrefixLength, bits)).ToFrozenSet())),
    ];

    private static UInt128 Mask(int prefix, int bits) => prefix == 0 && bits == 128 ? 0 : UInt128.MaxValue << (bits - prefix);
}

using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Relay.Flow;

/// <summary>
/// Whom something is counted for, as a value that fits a table without being an object: a client's address, its network (/24 of IPv4, /64 of IPv6, which is what one customer has), a user's name or a user at a
/// place, both as keyed digests.
/// </summary>
internal readonly record struct ClientKey(ClientKeyKind Kind, UInt128 Value)
{
    private const int Ipv4Host = 8;
    private const int Ipv6Host = 64;

    // ::ffff:0:0/96: IPv4 addresses have a place of their own among those of IPv6.
    private static readonly UInt128 Ipv4 = (UInt128)0xffff << 32;

    public static ClientKey Address(IPAddress address) => new(ClientKeyKind.Address, Number(address));

    public static ClientKey Network(IPAddress address)
    {
        UInt128 number = Number(address);
        return new ClientKey(ClientKeyKind.Network, number & ~((UInt128.One << HostBits(number)) - 1));
    }

    /// <summary>"192.0.2.1", or "192.0.2.0/24" for a network.</summary>
    public override string ToString()
    {
        bool isV4 = IsIpv4(Value);
        Span<byte> octets = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(octets, Value);
        var address = new IPAddress(isV4 ? octets[12..] : octets);
        return Kind switch
        {
            ClientKeyKind.Address => address.ToString(),
            ClientKeyKind.Network => new IPNetwork(address, (isV4 ? 32 : 128) - HostBits(Value)).ToString(),
            _ => Kind.ToString(),
        };
    }

    /// <summary>What <see cref="ToString"/> writes of an address or a network that things are counted for.</summary>
    public static bool TryParse(string text, out ClientKey key)
    {
        if (!text.Contains('/', StringComparison.Ordinal))
        {
            bool isAddress = IPAddress.TryParse(text, out IPAddress? address);
            key = isAddress ? Address(address!) : default;
            return isAddress;
        }

        bool isNetwork = IPNetwork.TryParse(text, out IPNetwork network);
        key = isNetwork ? Network(network.BaseAddress) : default;
        return isNetwork && network.PrefixLength == (network.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? 32 - Ipv4Host : 128 - Ipv6Host);
    }

    /// <summary>As a number, the same for a v4-mapped address as for the v4 address it is. Without the zone of a link-local one.</summary>
    internal static UInt128 Number(IPAddress address)
    {
        Span<byte> octets = stackalloc byte[16];
        address.TryWriteBytes(octets, out int length);
        return length == 4 ? Ipv4 | BinaryPrimitives.ReadUInt32BigEndian(octets) : BinaryPrimitives.ReadUInt128BigEndian(octets);
    }

    internal static bool IsIpv4(UInt128 number) => number >> 32 == Ipv4 >> 32;

    private static int HostBits(UInt128 number) => IsIpv4(number) ? Ipv4Host : Ipv6Host;
}

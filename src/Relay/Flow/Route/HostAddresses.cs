using System.Net;
using System.Net.Sockets;
using Relay.Dns;

namespace Relay.Flow.Route;

/// <summary>
/// The addresses of one host that mail could be sent to, by family, in the order of the answers. With none, <see cref="IsTrouble"/> says whether that is certain or only
/// what a failing look-up left (then <see cref="Reason"/> says why), and <see cref="NamesThisHost"/> whether there were addresses that mean "this host" (0.0.0.0 and ::).
/// <see cref="SignedName"/>: the host's name at the end of its aliases, if all that was found came by DNSSEC; otherwise null.
/// </summary>
internal sealed record HostAddresses(IReadOnlyList<IPAddress> Ipv6, IReadOnlyList<IPAddress> Ipv4, bool IsTrouble, bool NamesThisHost, string Reason, string? SignedName = null)
{
    public bool IsEmpty => Ipv6.Count + Ipv4.Count == 0;

    /// <summary>Looks a name up, both families at once. Never fails; a cancelled token throws.</summary>
    public static async ValueTask<HostAddresses> LookUpAsync(IDnsResolver dns, string host, IpFamilies families, CancellationToken cancel)
    {
        ValueTask<DnsAnswer<IPAddress>> ipv6 = families == IpFamilies.Ipv4 ? default : dns.Ipv6Async(host, cancel);
        ValueTask<DnsAnswer<IPAddress>> ipv4 = families == IpFamilies.Ipv6 ? default : dns.Ipv4Async(host, cancel);

        // The default ValueTask gives null: a family that isn't asked for.
        return From(await ipv6, await ipv4);
    }

    public static HostAddresses Of(IPAddress literal, IpFamilies families)
    {
        IPAddress address = Unmapped(literal);
        IpFamilies family = address.AddressFamily == AddressFamily.InterNetwork ? IpFamilies.Ipv4 : IpFamilies.Ipv6;
        var answer = new DnsAnswer<IPAddress>(DnsStatus.Found, families == IpFamilies.Both || families == family ? [address] : []);
        return From(answer, null);
    }

    private static HostAddresses From(DnsAnswer<IPAddress>? first, DnsAnswer<IPAddress>? second)
    {
        List<IPAddress> ipv6 = [];
        List<IPAddress> ipv4 = [];
        bool names = Sort(first, ipv6, ipv4) | Sort(second, ipv6, ipv4);
        DnsAnswer<IPAddress>? trouble = first is { Status: DnsStatus.TemporaryFailure } ? first : second is { Status: DnsStatus.TemporaryFailure } ? second : null;
        DnsAnswer<IPAddress>[] found = [.. new[] { first, second }.OfType<DnsAnswer<IPAddress>>().Where(static a => a.Status == DnsStatus.Found)];
        string? signed = found.Length > 0 && Array.TrueForAll(found, a => a.Authentic && a.Name == found[0].Name) ? found[0].Name : null;
        return new HostAddresses(ipv6, ipv4, trouble is not null, names, trouble?.Reason ?? "", signed);
    }

    private static bool Sort(DnsAnswer<IPAddress>? answer, List<IPAddress> ipv6, List<IPAddress> ipv4)
    {
        bool names = false;
        foreach (IPAddress record in answer?.Records ?? [])
        {
            IPAddress address = Unmapped(record);
            if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
            {
                names = true;
            }
            else if (IsUnicast(address))
            {
                (address.AddressFamily == AddressFamily.InterNetwork ? ipv4 : ipv6).Add(address);
            }
        }

        return names;
    }

    private static IPAddress Unmapped(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    /// <summary>Not "this network", multicast, reserved or broadcast (RFC 1122 §3.2.1.3, RFC 6890); not link-local IPv6, which is no address without its zone.</summary>
    private static bool IsUnicast(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            return !address.IsIPv6Multicast && !(address.IsIPv6LinkLocal && address.ScopeId == 0);
        }

        Span<byte> bytes = stackalloc byte[4];
        return address.TryWriteBytes(bytes, out _) && bytes[0] is > 0 and < 224;
    }
}

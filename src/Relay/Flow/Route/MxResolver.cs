using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Relay.Dns;

namespace Relay.Flow.Route;

/// <summary>
/// Finds where mail for a domain goes (RFC 5321 §5.1, RFC 7505) or where a configured next hop is: the addresses to try, in order. Holds no state beyond its options; the
/// resolver's cache makes it cheap to ask again for each attempt. Any thread, if <paramref name="random"/> allows it (Random.Shared does). Answers within the resolver's
/// time limits: one for the MX records, and one for each few hosts. A cancelled token throws, nothing else does.
/// </summary>
/// <param name="dns">Where names are looked up.</param>
/// <param name="hostname">Our own name: an exchanger of that name is us.</param>
/// <param name="listeners">The end points on which we listen, as bound.</param>
/// <param name="options">Port of MX hosts, and which families are tried.</param>
/// <param name="random">Shuffles what is equal, so that load spreads.</param>
/// <param name="isLocalAddress">Which addresses a listener on 0.0.0.0 or :: answers to; null asks the system.</param>
internal sealed class MxResolver(
    IDnsResolver dns, string hostname, IReadOnlyList<IPEndPoint> listeners, DeliveryOptions options, Random random, Func<IPAddress, bool>? isLocalAddress = null)
{
    /// <summary>More targets only delay the next try of the whole (RFC 5321 §5.1 asks for two at least).</summary>
    public const int MaximumTargets = 10;

    /// <summary>Hosts of one domain that are tried, and looked up at once.</summary>
    public const int MaximumHosts = 5;

    /// <summary>Hosts of one domain that are looked up when earlier ones have no address: a domain can't make us ask for hundreds of names.</summary>
    public const int MaximumLookUps = 20;

    private static readonly SearchValues<char> DottedQuad = SearchValues.Create("0123456789.");

    private readonly OwnListeners _own = new(listeners, isLocalAddress ?? new LocalAddresses(TimeProvider.System).Contains);
    private readonly string _hostname = DnsName.TryNormalize(hostname, out string? normal) ? normal : hostname;

    /// <summary>The way to a recipient's domain, which may be an address literal in brackets (RFC 5321 §4.1.3).</summary>
    public ValueTask<RoutePlan> ByMxAsync(string domain, CancellationToken cancel)
    {
        if (domain.StartsWith('['))
        {
            return ValueTask.FromResult(ByLiteral(domain));
        }

        return DnsName.TryNormalize(domain, out string? name) && DnsName.IsHost(name)
            ? ByMxRecordsAsync(name, cancel)
            : ValueTask.FromResult(RoutePlan.Permanent(1, 2, "the recipient's domain is not a domain name"));
    }

    /// <summary>
    /// The way to a configured server. What is wrong here is ours to set right, so mail waits for it (4.3.5) and never bounces; only an address of ours counts as a
    /// loop, not our name.
    /// </summary>
    public async ValueTask<RoutePlan> ByNextHopAsync(NextHop hop, CancellationToken cancel)
    {
        if (hop.IsUnix)
        {
            return RoutePlan.To([new HostTarget(hop.Host, new UnixDomainSocketEndPoint(hop.Host), 0)]);
        }

        HostAddresses addresses;
        if (IPAddress.TryParse(hop.Host, out IPAddress? literal))
        {
            addresses = HostAddresses.Of(literal, options.Ip);
        }
        else if (hop.Host == "localhost")
        {
            // RFC 6761 §6.3: not a question for DNS.
            addresses = new HostAddresses(
                options.Ip == IpFamilies.Ipv4 ? [] : [IPAddress.IPv6Loopback], options.Ip == IpFamilies.Ipv6 ? [] : [IPAddress.Loopback], false, false, "");
        }
        else
        {
            addresses = await HostAddresses.LookUpAsync(dns, hop.Host, options.Ip, cancel);
        }

        if (addresses.IsEmpty)
        {
            return addresses.IsTrouble
                ? RoutePlan.Temporary(4, 3, $"look-up of next hop {hop} failed: {addresses.Reason}")
                : RoutePlan.Temporary(3, 5, $"next hop {hop} has no usable address");
        }

        if (IsOurs(addresses, hop.Port))
        {
            return RoutePlan.Temporary(3, 5, $"next hop {hop} is this relay itself");
        }

        var targets = new List<HostTarget>();
        AddTargets(targets, hop.Host, hop.Port, 0, addresses, MaximumTargets, isSigned: true);
        return RoutePlan.To(targets) with { IsSigned = true };
    }

    private async ValueTask<RoutePlan> ByMxRecordsAsync(string domain, CancellationToken cancel)
    {
        DnsAnswer<MxRecord> answer = await dns.MxAsync(domain, cancel);
        switch (answer.Status)
        {
            case DnsStatus.Found when answer.Records.All(static mx => mx.Exchange.Length == 0):
                // RFC 7505 §3. Beside real exchangers a root is only a mistake, and is skipped like any other that is no host.
                return RoutePlan.Permanent(1, 10, $"the domain {domain} does not accept mail (null MX)");

            case DnsStatus.Found:
                return await ByHostsAsync(domain, InOrder(answer.Records), isImplicit: false, answer.Authentic, cancel);

            case DnsStatus.NoData:
                // RFC 5321 §5.1: the domain is its own exchanger, but only if it surely has no other.
                return await ByHostsAsync(domain, [new MxRecord(0, domain)], isImplicit: true, answer.Authentic, cancel);

            case DnsStatus.NameError:
                return RoutePlan.Permanent(1, 2, $"the domain {domain} does not exist");

            default:
                return RoutePlan.Temporary(4, 3, $"MX look-up of {domain} failed: {answer.Reason}");
        }
    }

    private async ValueTask<RoutePlan> ByHostsAsync(string domain, List<MxRecord> hosts, bool isImplicit, bool isSigned, CancellationToken cancel)
    {
        // RFC 5321 §5.1: at our own place in the order, and behind it, mail would come back to us.
        int own = hosts.FindIndex(IsOurName);
        int limit = own < 0 ? int.MaxValue : hosts[own].Preference;
        bool loops = own >= 0;
        var found = new List<(MxRecord Host, HostAddresses Addresses)>();
        (MxRecord Host, HostAddresses Addresses)? trouble = null;

        var pending = new Task<HostAddresses>[MaximumHosts];
        for (int next = 0; next < Math.Min(hosts.Count, MaximumLookUps) && found.Count < MaximumHosts && hosts[next].Preference < limit;)
        {
            int first = next;
            for (int room = MaximumHosts - found.Count; room > 0 && next < hosts.Count && hosts[next].Preference < limit; room--)
            {
                pending[next - first] = HostAddresses.LookUpAsync(dns, hosts[next++].Exchange, options.Ip, cancel).AsTask();
            }

            for (int i = first; i < next; i++)
            {
                HostAddresses addresses = await pending[i - first];
                if (IsOurs(addresses, options.Port))
                {
                    limit = Math.Min(limit, hosts[i].Preference);
                    loops = true;
                }
                else if (!addresses.IsEmpty)
                {
                    found.Add((hosts[i], addresses));
                }
                else if (addresses.IsTrouble)
                {
                    trouble ??= (hosts[i], addresses);
                }
                else
                {
                    loops |= addresses.NamesThisHost;
                }
            }
        }

        found.RemoveAll(host => host.Host.Preference >= limit);
        if (found.Count > 0)
        {
            return RoutePlan.To(Targets(found, isSigned)) with { IsSigned = isSigned };
        }

        // A host before us that couldn't be looked up may be there the next time; only certainty bounces.
        if (trouble is { } one && one.Host.Preference < limit)
        {
            return RoutePlan.Temporary(4, 3, $"look-up of {one.Host.Exchange} failed: {one.Addresses.Reason}");
        }

        if (loops)
        {
            return RoutePlan.Permanent(4, 6, $"mail for {domain} loops back to this host");
        }

        return isImplicit
            ? RoutePlan.Permanent(1, 2, $"the domain {domain} has neither mail exchangers nor a usable address")
            : RoutePlan.Permanent(4, 4, $"no mail exchanger of {domain} has a usable address");
    }

    private RoutePlan ByLiteral(string literal)
    {
        if (!TryParseLiteral(literal, out IPAddress? address))
        {
            return RoutePlan.Permanent(1, 2, "the recipient's domain is not a valid address literal");
        }

        HostAddresses addresses = HostAddresses.Of(address, options.Ip);
        if (addresses.NamesThisHost || IsOurs(addresses, options.Port))
        {
            return RoutePlan.Permanent(4, 6, $"mail for [{address}] loops back to this host");
        }

        if (addresses.IsEmpty)
        {
            return RoutePlan.Permanent(4, 4, $"mail can't be sent to [{address}]");
        }

        var targets = new List<HostTarget>(1);
        AddTargets(targets, address.ToString(), options.Port, 0, addresses, 1, isSigned: false);
        return RoutePlan.To(targets);
    }

    // RFC 5321 §4.1.3. IPAddress alone would also take "1", "0x7f.1", zones and ports.
    private static bool TryParseLiteral(ReadOnlySpan<char> literal, out IPAddress address)
    {
        address = IPAddress.None;
        if (literal.Length < 3 || literal[^1] != ']')
        {
            return false;
        }

        ReadOnlySpan<char> text = literal[1..^1];
        const string Ipv6Tag = "IPv6:";
        bool isIpv6 = text.StartsWith(Ipv6Tag, StringComparison.OrdinalIgnoreCase);
        text = isIpv6 ? text[Ipv6Tag.Length..] : text;
        bool isPlain = isIpv6 ? !text.ContainsAny("%[]") : text.Count('.') == 3 && !text.ContainsAnyExcept(DottedQuad);
        if (!isPlain || !IPAddress.TryParse(text, out IPAddress? parsed) || (parsed.AddressFamily == AddressFamily.InterNetworkV6) != isIpv6)
        {
            return false;
        }

        address = parsed;
        return true;
    }

    // Lowest preference first, equal ones in random order, each host once, and only what can be a host.
    private List<MxRecord> InOrder(IReadOnlyList<MxRecord> records)
    {
        MxRecord[] shuffled = [.. records];
        random.Shuffle(shuffled);
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        return [.. shuffled.OrderBy(static mx => mx.Preference).Where(mx => DnsName.IsHost(mx.Exchange) && seen.Add(mx.Exchange))];
    }

    private bool IsOurName(MxRecord mx) =>
        mx.Exchange.Equals(_hostname, StringComparison.OrdinalIgnoreCase) || mx.Exchange.Equals("localhost", StringComparison.OrdinalIgnoreCase);

    private bool IsOurs(HostAddresses addresses, int port)
    {
        foreach (IPAddress address in addresses.Ipv6)
        {
            if (_own.Answer(address, port))
            {
                return true;
            }
        }

        foreach (IPAddress address in addresses.Ipv4)
        {
            if (_own.Answer(address, port))
            {
                return true;
            }
        }

        return false;
    }

    private List<HostTarget> Targets(List<(MxRecord Host, HostAddresses Addresses)> hosts, bool isSigned)
    {
        // A first host with many addresses doesn't crowd out the second.
        int share = Math.Max(2, MaximumTargets / hosts.Count);
        var targets = new List<HostTarget>();
        foreach ((MxRecord host, HostAddresses addresses) in hosts)
        {
            AddTargets(targets, host.Exchange, options.Port, host.Preference, addresses, Math.Min(share, MaximumTargets - targets.Count), isSigned);
        }

        return targets;
    }

    // IPv6 and IPv4 in turn (RFC 8305 §4), so that a family that doesn't work costs one attempt between two of the other.
    private void AddTargets(List<HostTarget> targets, string host, int port, int preference, HostAddresses addresses, int count, bool isSigned)
    {
        string? signedName = isSigned ? addresses.SignedName : null;
        IPAddress[] ipv6 = [.. addresses.Ipv6];
        IPAddress[] ipv4 = [.. addresses.Ipv4];
        random.Shuffle(ipv6);
        random.Shuffle(ipv4);
        for (int i = 0; i < Math.Max(ipv6.Length, ipv4.Length); i++)
        {
            if (i < ipv6.Length && count-- > 0)
            {
                targets.Add(new HostTarget(host, ipv6[i], port, preference) { SignedName = signedName });
            }

            if (i < ipv4.Length && count-- > 0)
            {
                targets.Add(new HostTarget(host, ipv4[i], port, preference) { SignedName = signedName });
            }
        }
    }
}

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Relay.Flow;

namespace Relay.Daemon.Configuration;

/// <summary>What no key can see alone: addresses that take each other's place, mail that would come back to us.</summary>
internal static class ConfigChecks
{
    public static void Run(ConfigDraft draft, ConfigReader reader)
    {
        CheckSpool(draft, reader);
        CheckAddresses(draft, reader);
        for (int i = 0; i < draft.Routes.Count; i++)
        {
            CheckRoute(draft, reader, draft.Routes[i], string.Create(CultureInfo.InvariantCulture, $"route[{i}]."));
        }

        CheckLimits(draft, reader);
        CheckTenants(draft, reader);
        CheckAbuse(draft, reader);
    }

    private static void CheckAbuse(ConfigDraft draft, ConfigReader reader)
    {
        if (draft.Abuse.LongestBan < draft.Abuse.Ban)
        {
            reader.Fail(draft.Where(draft.Says("abuse.ban_max") ? "abuse.ban_max" : "abuse.ban"), "ban_max is shorter than ban: the longest ban can't be shorter than the first");
        }

        for (int i = 1; i < draft.Lists.All.Count; i++)
        {
            if (draft.Lists.All.Take(i).Any(l => l.Zone.Length > 0 && l.Zone == draft.Lists.All[i].Zone && l.Answers.SequenceEqual(draft.Lists.All[i].Answers)))
            {
                reader.Fail(draft.Where(string.Create(CultureInfo.InvariantCulture, $"dnsbl[{i}].zone")), $"{draft.Lists.All[i].Zone} stands there twice with the same answers: one of them is enough");
            }
        }
    }

    private static void CheckSpool(ConfigDraft draft, ConfigReader reader)
    {
        if (draft.Says("spool.path") && draft.Says("spool.paths"))
        {
            reader.Fail(draft.Where("spool.paths"), "path and paths say the same thing: write path for one folder, or paths for several");
            return;
        }

        IReadOnlyList<string> paths = [.. draft.Spool.Paths.Select(Path.TrimEndingDirectorySeparator)];
        for (int i = 1; i < paths.Count; i++)
        {
            if (paths.Take(i).FirstOrDefault(p => IsWithin(p, paths[i]) || IsWithin(paths[i], p)) is { } other)
            {
                string what = other == paths[i] ? $"{other} stands there twice" : $"of {other} and {paths[i]} one lies within the other";
                reader.Fail(draft.Where("spool.paths"), $"{what}: each folder stands for itself, best on a disk of its own");
            }
        }
    }

    private static bool IsWithin(string folder, string path) => path == folder || path.StartsWith(folder == "/" ? folder : folder + "/", StringComparison.Ordinal);

    private static void CheckAddresses(ConfigDraft draft, ConfigReader reader)
    {
        (IPEndPoint? EndPoint, Position Position)[] addresses =
        [
            .. draft.Listeners.Select((l, i) => (l.EndPoint, draft.Where(string.Create(CultureInfo.InvariantCulture, $"listener[{i}].address")))),
            (draft.Admin.EndPoint, draft.Where("admin.address")),
        ];
        for (int i = 1; i < addresses.Length; i++)
        {
            foreach ((IPEndPoint? earlier, _) in addresses.AsSpan(0, i))
            {
                if (addresses[i].EndPoint is { } endPoint && earlier is not null && Overlap(earlier, endPoint))
                {
                    reader.Fail(addresses[i].Position, earlier.Equals(endPoint)
                        ? $"{endPoint} is taken by a listener above: choose another port"
                        : $"{endPoint} is served by the listener {earlier} above: leave one of them out");
                    break;
                }
            }
        }
    }

    private static bool Overlap(IPEndPoint a, IPEndPoint b) =>
        a.Port == b.Port && a.Port != 0 && (a.Address.Equals(b.Address) || Covers(a.Address, b.Address) || Covers(b.Address, a.Address));

    /// <summary>[::] takes IPv4 as well.</summary>
    private static bool Covers(IPAddress any, IPAddress other) => any.Equals(IPAddress.IPv6Any) || (any.Equals(IPAddress.Any) && other.AddressFamily == AddressFamily.InterNetwork);

    private static void CheckRoute(ConfigDraft draft, ConfigReader reader, RouteDraft route, string path)
    {
        if (route.NextHop is not { } hop)
        {
            return;
        }

        if (draft.Listeners.Any(l => l.EndPoint is { } own && IsOurs(hop, own, draft.Hostname)))
        {
            string[] domains = [.. draft.Access.RelayDomains.Where(d => route.Domain is { } pattern && DomainPattern.Matches(pattern, d)).Order(StringComparer.Ordinal)];
            string what = domains.Length == 0 ? "mail" : $"mail for {string.Join(", ", domains)} (relay_domains)";
            reader.Fail(draft.Where(path + "next_hop"), $"{hop} is a listener of this relay: {what} would come back to it; name the server that the mail is for");
        }

        if (hop.IsUnix && route.Tls is OutboundTls.Required or OutboundTls.Verified)
        {
            reader.Fail(draft.Where(path + "tls"), $"{hop} is a socket of this machine, where there is no TLS: leave tls out");
        }

        if (hop.Scheme == NextHopScheme.Smtps && route.Tls == OutboundTls.None)
        {
            reader.Fail(draft.Where(path + "tls"), $"{hop} speaks TLS from the first octet, so tls = \"none\" can't be: leave it out, or write smtp://");
        }
    }

    private static void CheckLimits(ConfigDraft draft, ConfigReader reader)
    {
        for (int i = 0; i < draft.LimitRules.All.Count; i++)
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"limit[{i}]");
            bool byDomain = draft.Says(path + ".domain");
            if (byDomain == draft.Says(path + ".mx"))
            {
                reader.Fail(draft.Where(byDomain ? path + ".mx" : path), byDomain
                    ? "this [[limit]] has domain and mx: write one of them, and the other in a [[limit]] of its own"
                    : "this [[limit]] is for nobody: write domain = … or mx = …");
            }
        }
    }

    private static void CheckTenants(ConfigDraft draft, ConfigReader reader)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var networks = new Dictionary<IPNetwork, string>();
        for (int i = 0; i < draft.Tenants.All.Count; i++)
        {
            TenantOptions tenant = draft.Tenants.All[i].Options;
            string path = string.Create(CultureInfo.InvariantCulture, $"tenant[{i}].");
            if (tenant.Name.Length > 0 && !names.Add(tenant.Name))
            {
                reader.Fail(draft.Where(path + "name"), $"{tenant.Name} is the name of a tenant above: write all its networks there, or choose another name");
            }

            foreach (IPNetwork network in tenant.Networks)
            {
                if (!networks.TryAdd(network, tenant.Name))
                {
                    reader.Fail(draft.Where(path + "networks"), $"{network} is a network of {networks[network]} already: it can belong to one tenant");
                }
            }
        }
    }

    private static bool IsOurs(NextHop hop, IPEndPoint own, string hostname)
    {
        if (hop.Port != own.Port || hop.IsUnix)
        {
            return false;
        }

        if (!IPAddress.TryParse(hop.Host, out IPAddress? address))
        {
            // A name that only a resolver knows is for the loop check at delivery.
            return hop.Host == hostname || (hop.Host == "localhost" && (IPAddress.IsLoopback(own.Address) || Covers(own.Address, IPAddress.Loopback)));
        }

        bool ownIsAny = own.Address.Equals(IPAddress.Any) || own.Address.Equals(IPAddress.IPv6Any);
        return address.Equals(own.Address) || (ownIsAny && (IPAddress.IsLoopback(address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)) && Covers(own.Address, address));
    }
}

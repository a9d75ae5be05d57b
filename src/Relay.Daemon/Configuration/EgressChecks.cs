using System.Globalization;
using System.Net;
using Relay.Flow;

namespace Relay.Daemon.Configuration;

/// <summary>Sources, pools, and those who name them; and logins that would give a password away.</summary>
internal static class EgressChecks
{
    public static void Run(ConfigDraft draft, ConfigReader reader)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < draft.Sources.Count; i++)
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"source[{i}].");
            SourceDraft source = draft.Sources[i];
            CheckName(draft, reader, names, source.Name, path);
            if (source.Ipv4 is null && source.Ipv6 is null && !draft.Says(path + "address4") && !draft.Says(path + "address6"))
            {
                reader.Fail(draft.Where(path + "name"), $"source {source.Name} has no address: give it address4, address6 or both");
            }
        }

        for (int i = 0; i < draft.Pools.Count; i++)
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"pool[{i}].");
            CheckName(draft, reader, names, draft.Pools[i].Name, path);
            foreach (PoolMember member in draft.Pools[i].Members)
            {
                if (!draft.Sources.Exists(s => s.Name == member.Source))
                {
                    reader.Fail(draft.Where(path + "sources"), $"there is no [[source]] {member.Source}{Meant(member.Source, draft.Sources.Select(static s => s.Name))}");
                }
            }
        }

        CheckEgress(draft, reader, draft.Egress, "delivery.egress");
        for (int i = 0; i < draft.Routes.Count; i++)
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"route[{i}].");
            CheckEgress(draft, reader, draft.Routes[i].Egress, path + "egress");
            CheckLogin(draft, reader, draft.Routes[i], path);
        }

        for (int i = 0; i < draft.Tenants.All.Count; i++)
        {
            CheckEgress(draft, reader, draft.Tenants.All[i].Egress, string.Create(CultureInfo.InvariantCulture, $"tenant[{i}].egress"));
        }
    }

    private static void CheckName(ConfigDraft draft, ConfigReader reader, HashSet<string> names, string? name, string path)
    {
        if (name is not null && !names.Add(name))
        {
            reader.Fail(draft.Where(path + "name"), $"{name} is the name of a source or pool above: choose another one");
        }
    }

    private static void CheckEgress(ConfigDraft draft, ConfigReader reader, string? egress, string path)
    {
        if (egress is not null && !draft.Sources.Exists(s => s.Name == egress) && !draft.Pools.Exists(p => p.Name == egress))
        {
            reader.Fail(draft.Where(path), $"there is no [[source]] and no [[pool]] {egress}{Meant(egress, [.. draft.Sources.Select(static s => s.Name), .. draft.Pools.Select(static p => p.Name)])}");
        }
    }

    private static string Meant(string name, IEnumerable<string?> known) => Suggestion.Nearest(name, known.OfType<string>()) is { } near ? $": did you mean {near}?" : "";

    private static void CheckLogin(ConfigDraft draft, ConfigReader reader, RouteDraft route, string path)
    {
        bool user = draft.Says(path + "user");
        bool password = draft.Says(path + "password");
        if (user != password)
        {
            reader.Fail(draft.Where(path + (user ? "user" : "password")), $"this [[route]] has a {(user ? "user" : "password")} and no {(user ? "password" : "user")}: give both or neither");
            return;
        }

        bool isLocal = route.NextHop is { } hop && (hop.IsUnix || hop.Host == "localhost" || (IPAddress.TryParse(hop.Host, out IPAddress? address) && IPAddress.IsLoopback(address)));
        if (user && !isLocal && route.Tls is null && draft.Delivery.Tls == OutboundTls.None && route.NextHop?.Scheme != NextHopScheme.Smtps)
        {
            reader.Fail(draft.Where(path + "password"), "the password would go out in clear: write tls = \"verified\" or \"required\" for this [[route]], or tls = \"none\" if that is meant");
        }
    }
}

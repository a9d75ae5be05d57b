namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// The text of a relay.toml, table by table, with what most tests want as the default: one plain listener on a port that the kernel chooses, quick retries, no TLS outside,
/// and no name server (nothing answers on the discard port), so that nothing leaves this machine.
/// </summary>
internal sealed record RelaySettings
{
    /// <summary>With small files, but in the long form: those of a real relay would cost each test the writing of 64 MiB.</summary>
    public string Spool { get; init; } = "path = \"spool\"" + (LongForm.Wanted ? "" : "\nsegment_size = \"4MiB\"");

    public IReadOnlyList<string> Listeners { get; init; } = ["none"];

    /// <summary>More of the listener in this place.</summary>
    public IReadOnlyDictionary<int, string> ListenerMore { get; init; } = new Dictionary<int, string>();

    /// <summary>"relay" or "submission", of all listeners.</summary>
    public string Role { get; init; } = "relay";

    /// <summary>Where the listeners are.</summary>
    public string ListenAddress { get; init; } = "127.0.0.1";

    /// <summary>The first listener's port: one that stays where clients of another program find the relay again after a restart; 0 has the kernel choose.</summary>
    public int ListenPort { get; init; }

    public string Access { get; init; } = "";

    public string Limits { get; init; } = "";

    public string Dns { get; init; } = """servers = ["127.0.0.1:9"]""";

    public string Delivery { get; init; } = "";

    /// <summary>The one entry of the retry schedule.</summary>
    public string Retry { get; init; } = "1s";

    public string DeliveryTls { get; init; } = "none";

    /// <summary>More of [log]; long runs want level = "warning".</summary>
    public string Log { get; init; } = "";

    /// <summary>Next hops by domain pattern; for the rest, MX.</summary>
    public IReadOnlyDictionary<string, string> Routes { get; init; } = new Dictionary<string, string>();

    /// <summary>More of each [[route]].</summary>
    public string RouteMore { get; init; } = "";

    /// <summary>More of [admin].</summary>
    public string AdminMore { get; init; } = "";

    /// <summary>Further tables, whole.</summary>
    public string Tables { get; init; } = "";

    /// <summary>Everything goes to this host and port.</summary>
    public static RelaySettings SmartHost(string address, int port) =>
        new() { Routes = new Dictionary<string, string> { ["*"] = $"smtp://{address}:{port}" } };

    /// <summary>The same with a further route behind those that there are.</summary>
    public RelaySettings With(string domain, string nextHop) => this with { Routes = new Dictionary<string, string>(Routes) { [domain] = nextHop } };

    public string ToToml() => string.Join("\n", [
        "hostname = \"relay.test\"",
        "[spool]", Spool,
        .. Listeners.SelectMany((tls, i) => (string[])["[[listener]]", $"address = \"{ListenAddress}:{(i == 0 ? ListenPort : 0)}\"", $"role = \"{Role}\"", $"tls = \"{tls}\"", ListenerMore.GetValueOrDefault(i, "")]),
        "[access]", Access,
        "[limits]", Limits,
        "[dns]", "reverse = false", Dns,
        "[delivery]", $"retry = [\"{Retry}\"]", "ip = \"4\"", $"tls = \"{DeliveryTls}\"", Delivery,
        .. Routes.SelectMany(route => (string[])["[[route]]", $"domain = \"{route.Key}\"", $"next_hop = \"{route.Value}\"", RouteMore]),
        Tables,
        "[admin]", "address = \"127.0.0.1:0\"", AdminMore,
        "[log]", "deliveries = \"deliveries.jsonl\"", Log,
        ""]);
}

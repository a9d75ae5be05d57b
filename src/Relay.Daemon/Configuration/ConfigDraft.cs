using System.Collections.Frozen;
using System.Net;
using Relay.Dns;
using Relay.Flow;
using Relay.Flow.Accept;
using Relay.Flow.Policy;
using Relay.Spool;
using Relay.Tls;

namespace Relay.Daemon.Configuration;

/// <summary>
/// A configuration in the making: what the keys of <see cref="ConfigTable"/> set and print. It begins with every default, so that an empty file is a whole configuration.
/// Keys of sections that may stand there many times work on the entry that is current.
/// </summary>
internal sealed class ConfigDraft
{
    private readonly Dictionary<string, Position> _positions = new(StringComparer.Ordinal);

    /// <summary>Relative paths, the defaults among them, begin at <paramref name="folder"/>.</summary>
    public ConfigDraft(string folder)
    {
        Folder = folder;
        Spool = new SpoolOptions { Paths = [Path.GetFullPath("spool", folder)] };
        DeliveryLogPath = Path.GetFullPath("deliveries.jsonl", folder);
    }

    public ConfigDraft(DaemonOptions options)
        : this("/")
    {
        EngineOptions engine = options.Engine;
        Hostname = engine.Hostname;
        Spool = engine.Spool;
        CertificatePath = engine.Tls?.CertificatePath;
        KeyPath = engine.Tls?.KeyPath;
        Access = engine.Access;
        RecipientsPath = options.RecipientsPath;
        Limits = engine.Limits;
        Dns = engine.Dns;
        Smtp = engine.Smtp;
        Delivery = engine.Delivery;
        DeliveryLogPath = engine.DeliveryLogPath;
        Admin = options.Admin;
        Log = options.Log;
        Listeners.AddRange(engine.Listeners.Select(static l => new ListenerDraft { EndPoint = l.EndPoint, Role = l.Role, Tls = l.Tls, ProxyFrom = l.ProxyFrom }));
        LimitRules.AddRange(engine.Delivery.LimitRules);
        Tenants.AddRange(engine.Tenants);
        Routes.AddRange(engine.Routes.Select(static r => new RouteDraft { Domain = r.Domain, NextHop = r.NextHop, Tls = r.Tls }));
    }

    public string Folder { get; }

    public string Hostname { get; set; } = MachineName();

    public SpoolOptions Spool { get; set; }

    public List<ListenerDraft> Listeners { get; } = [];

    public ListenerDraft Listener { get; set; } = new();

    public string? CertificatePath { get; set; }

    public string? KeyPath { get; set; }

    public AccessOptions Access { get; set; } = new();

    public string? RecipientsPath { get; set; }

    public LimitOptions Limits { get; set; } = new();

    public SmtpOptions Smtp { get; set; } = new();

    public DnsOptions Dns { get; set; } = new();

    public DeliveryOptions Delivery { get; set; } = new();

    public List<RouteDraft> Routes { get; } = [];

    public RouteDraft Route { get; set; } = new();

    public Entries<LimitRule> LimitRules { get; } = new();

    public Entries<TenantOptions> Tenants { get; } = new();

    public AdminOptions Admin { get; set; } = new();

    public LogOptions Log { get; set; } = new();

    public string? DeliveryLogPath { get; set; }

    /// <summary>Remembers where a key stands, by its full name: "tls.key", "listener[0].address"; and an entry of many: "limit[0]".</summary>
    public void Place(string key, Position position) => _positions[key] = position;

    /// <summary>Whether the file says it.</summary>
    public bool Says(string key) => _positions.ContainsKey(key);

    /// <summary>Where the file says this; its start for what it leaves to the default.</summary>
    public Position Where(string key) => _positions.GetValueOrDefault(key, Position.Start);

    /// <summary>The options, of a draft without errors.</summary>
    public DaemonOptions Build() => new()
    {
        Engine = new EngineOptions
        {
            Hostname = Hostname,
            Spool = Spool,
            Listeners = [.. Listeners.Select(static l => new ListenerOptions { EndPoint = l.EndPoint!, Role = l.Role, Tls = l.Tls, ProxyFrom = l.ProxyFrom })],
            Tls = CertificatePath is null ? null : new CertificateOptions(CertificatePath, KeyPath!),
            Access = Access,
            Limits = Limits,
            Smtp = Smtp,
            Dns = Dns,
            Delivery = Delivery with { LimitRules = [.. LimitRules.All] },
            Tenants = [.. Tenants.All],
            Routes = [.. Routes.Select(static r => new RouteOptions { Domain = r.Domain!, NextHop = r.NextHop!, Tls = r.Tls })],
            DeliveryLogPath = DeliveryLogPath,
        },
        Admin = Admin,
        Log = Log,
        RecipientsPath = RecipientsPath,
    };

    /// <summary>Without a [[listener]]: a port that needs no root, for this machine only.</summary>
    public void AddDefaultListener()
    {
        if (Listeners.Count == 0)
        {
            Listeners.Add(new ListenerDraft { EndPoint = new IPEndPoint(IPAddress.Loopback, 2525) });
        }
    }

    public void SetRelayDomains(IReadOnlyList<string> domains) => Access = Access with { RelayDomains = domains.ToFrozenSet(StringComparer.OrdinalIgnoreCase) };

    private static string MachineName() => DomainText.Parse(System.Net.Dns.GetHostName(), false, out string name) is null ? name : "localhost";
}

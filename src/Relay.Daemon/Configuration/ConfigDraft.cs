using System.Collections.Frozen;
using System.Net;
using Relay.Dns;
using Relay.Flow;
using Relay.Flow.Abuse;
using Relay.Flow.Accept;
using Relay.Flow.Login;
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
        StatePath = Path.GetFullPath("state", folder);
        Admin = new AdminOptions { TokenPath = Path.GetFullPath("admin.token", folder) };
    }

    public ConfigDraft(DaemonOptions options)
        : this("/")
    {
        EngineOptions engine = options.Engine;
        Hostname = engine.Hostname;
        Spool = engine.Spool;
        // The first one stands in [tls] unless it has names of its own.
        int inTls = engine.Tls.Certificates is [{ Names: [] }, ..] ? 1 : 0;
        Certificate = new CertificateDraft(engine.Tls.Certificates.Take(inTls).FirstOrDefault());
        Certificates.AddRange(engine.Tls.Certificates.Skip(inTls).Select(static c => new CertificateDraft(c)));
        Tls = engine.Tls;
        Access = engine.Access;
        RecipientsPath = options.RecipientsPath;
        UsersPath = options.UsersPath;
        DovecotPath = engine.Dovecot?.Path;
        Senders = options.Senders;
        UserLimits = options.UserLimits;
        OAuth = engine.OAuth is { } oauth ? new OAuthDraft(oauth, options.TokenKeysPlace) : new OAuthDraft();
        Reports = engine.Reports;
        TlsReports = engine.TlsReports;
        ReportTextsPath = options.ReportTextsPath;
        ClassesPath = options.ClassesPath;
        Abuse = engine.Abuse;
        AllowPath = options.AllowPath;
        DenyPath = options.DenyPath;
        Lists.AddRange(engine.Abuse.Lists);
        Limits = engine.Limits;
        Dns = engine.Dns;
        Smtp = engine.Smtp;
        Delivery = engine.Delivery;
        Egress = engine.Delivery.Egress?.Name;
        Sources.AddRange(engine.Sources.Select(static s => new SourceDraft { Name = s.Name, Ipv4 = s.Ipv4, Ipv6 = s.Ipv6, Hostname = s.Hostname }));
        Pools.AddRange(engine.Pools.Select(static p => new PoolDraft { Name = p.Name, Members = [.. p.Shares.Select(static s => new PoolMember(s.Source.Name, s.Weight))] }));
        DeliveryLogPath = engine.DeliveryLogPath;
        StatePath = engine.StatePath;
        DeliveryCertificate = new CertificateDraft(engine.Delivery.Certificate);
        TlsRules.AddRange(engine.Delivery.TlsRules);
        Admin = options.Admin;
        Log = options.Log;
        Listeners.AddRange(engine.Listeners.Select(static l => new ListenerDraft { EndPoint = l.EndPoint, Role = l.Role, Tls = l.Tls, Profile = l.Profile, ClientCertificate = l.ClientCertificate, ProxyFrom = l.ProxyFrom }));
        LimitRules.AddRange(engine.Delivery.LimitRules);
        Tenants.AddRange(engine.Tenants.Select(static t => new TenantDraft { Options = t, Egress = t.Egress?.Name }));
        Milters.AddRange(engine.Milters.Select(static m => new MilterDraft(m)));
        Dkim.AddRange(engine.Dkim.Select(static k => new DkimDraft(k)));
        Routes.AddRange(engine.Routes.Select(static r => new RouteDraft
        {
            Domain = r.Domain,
            NextHop = r.NextHop,
            Tls = r.Tls,
            User = r.Credentials?.User,
            Password = r.Credentials?.Password,
            Egress = r.Egress?.Name,
        }));
    }

    public string Folder { get; }

    public string Hostname { get; set; } = MachineName();

    public SpoolOptions Spool { get; set; }

    public List<ListenerDraft> Listeners { get; } = [];

    public ListenerDraft Listener { get; set; } = new();

    /// <summary>All of [tls] but its certificates.</summary>
    public TlsOptions Tls { get; set; } = new();

    /// <summary>That of [tls].</summary>
    public CertificateDraft Certificate { get; } = new();

    public Entries<CertificateDraft> Certificates { get; } = new();

    public AccessOptions Access { get; set; } = new();

    public string? RecipientsPath { get; set; }

    public string? UsersPath { get; set; }

    public Accounts? Accounts { get; set; }

    public AbuseOptions Abuse { get; set; } = new();

    public string? AllowPath { get; set; }

    public string? DenyPath { get; set; }

    public Entries<DnsListOptions> Lists { get; } = new();

    public string? DovecotPath { get; set; }

    /// <summary>Of users of whom their source doesn't say it.</summary>
    public IReadOnlyList<SenderTemplate> Senders { get; set; } = [];

    /// <summary>The same.</summary>
    public UserLimits UserLimits { get; set; } = UserLimits.None;

    public OAuthDraft OAuth { get; set; } = new();

    public LimitOptions Limits { get; set; } = new();

    public SmtpOptions Smtp { get; set; } = new();

    public DnsOptions Dns { get; set; } = new();

    public DeliveryOptions Delivery { get; set; } = new();

    /// <summary>The name of a source or a pool, from which mail leaves.</summary>
    public string? Egress { get; set; }

    public List<SourceDraft> Sources { get; } = [];

    public SourceDraft Source { get; set; } = new();

    public List<PoolDraft> Pools { get; } = [];

    public PoolDraft Pool { get; set; } = new();

    public List<RouteDraft> Routes { get; } = [];

    public RouteDraft Route { get; set; } = new();

    public string? StatePath { get; set; }

    /// <summary>That of [delivery].</summary>
    public CertificateDraft DeliveryCertificate { get; } = new();

    public Entries<TlsRule> TlsRules { get; } = new();

    public Entries<LimitRule> LimitRules { get; } = new();

    public Entries<TenantDraft> Tenants { get; } = new();

    public ReportOptions Reports { get; set; } = new();

    public TlsReportOptions TlsReports { get; set; } = new();

    public string? ReportTextsPath { get; set; }

    public string? ClassesPath { get; set; }

    public Entries<DkimDraft> Dkim { get; } = new();

    public Entries<MilterDraft> Milters { get; } = new();

    public AdminOptions Admin { get; set; }

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
            Listeners = [.. Listeners.Select(static l => new ListenerOptions { EndPoint = l.EndPoint!, Role = l.Role, Tls = l.Tls, Profile = l.Profile, ClientCertificate = l.ClientCertificate, ProxyFrom = l.ProxyFrom })],
            Tls = Tls with { Certificates = [.. Certificates.All.Prepend(Certificate).Select(static c => c.Build()).OfType<CertificateOptions>()] },
            Access = Access,
            Accounts = Accounts,
            Abuse = Abuse with { Lists = [.. Lists.All] },
            OAuth = OAuth.Build(),
            Dovecot = DovecotPath is null ? null : new DovecotOptions(DovecotPath, Senders, UserLimits),
            Limits = Limits,
            Smtp = Smtp,
            Dns = Dns,
            Delivery = Delivery with
            {
                LimitRules = [.. LimitRules.All],
                TlsRules = [.. TlsRules.All],
                Egress = EgressOf(Egress),
                Certificate = DeliveryCertificate.Build(),
            },
            StatePath = StatePath,
            Sources = [.. Sources.Select(Build)],
            Pools = [.. Pools.Select(p => EgressOf(p.Name)!)],
            Tenants = [.. Tenants.All.Select(t => t.Options with { Egress = EgressOf(t.Egress) })],
            Routes = [.. Routes.Select(r => new RouteOptions
            {
                Domain = r.Domain!,
                NextHop = r.NextHop!,
                Tls = r.Tls,
                Credentials = r.User is null ? null : new HopCredentials(r.User, r.Password!),
                Egress = EgressOf(r.Egress),
            })],
            Dkim = [.. Dkim.All.Select(static k => k.Build())],
            Milters = [.. Milters.All.Select(static m => m.Build())],
            Reports = Reports,
            TlsReports = TlsReports,
            DeliveryLogPath = DeliveryLogPath,
        },
        Admin = Admin,
        Log = Log,
        RecipientsPath = RecipientsPath,
        UsersPath = UsersPath,
        AllowPath = AllowPath,
        DenyPath = DenyPath,
        Senders = Senders,
        UserLimits = UserLimits,
        TokenKeysPlace = OAuth.KeysPlace,
        ReportTextsPath = ReportTextsPath,
        ClassesPath = ClassesPath,
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

    private static EgressSource Build(SourceDraft source) => new(source.Name!, source.Ipv4, source.Ipv6, source.Hostname);

    /// <summary>A pool by its name; a source alone is a pool of one.</summary>
    private EgressPool? EgressOf(string? name) => name is null ? null
        : Pools.Find(p => p.Name == name) is { } pool ? new EgressPool(name, pool.Members.Select(m => new EgressShare(SourceOf(m.Source), m.Weight)))
        : new EgressPool(name, [new EgressShare(SourceOf(name), 1)]);

    private EgressSource SourceOf(string name) => Build(Sources.Find(s => s.Name == name)!);

    private static string MachineName() => DomainText.Parse(System.Net.Dns.GetHostName(), false, out string name) is null ? name : "localhost";
}

using Relay.Flow.Settle;
using Relay.Tls;

namespace Relay.Flow;

/// <summary>How messages leave.</summary>
public sealed record DeliveryOptions
{
    /// <summary>The port of MX hosts; another one than 25 is for tests.</summary>
    public int Port { get; init; } = 25;

    public OutboundTls Tls { get; init; } = OutboundTls.Opportunistic;

    /// <summary>Exceptions to <see cref="Tls"/> for domains whose mail goes to their exchangers; the first that matches wins.</summary>
    public IReadOnlyList<TlsRule> TlsRules { get; init; } = [];

    /// <summary>TLSA records raise what is demanded (RFC 7672), where the resolver's AD bit is believed.</summary>
    public bool Dane { get; init; } = true;

    /// <summary>Domains' MTA-STS policies raise what is demanded (RFC 8461).</summary>
    public bool MtaSts { get; init; } = true;

    /// <summary>The port of MTA-STS policies; another one than 443 is for tests.</summary>
    public int StsPort { get; init; } = 443;

    /// <summary>By which we say who we are to hosts that ask; null: by none.</summary>
    public CertificateOptions? Certificate { get; init; }

    /// <summary>The wait after each failed attempt; after the last one it repeats. Jitter is added.</summary>
    public IReadOnlyList<TimeSpan> Retry { get; init; } =
        [TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(40), TimeSpan.FromHours(1), TimeSpan.FromHours(2), TimeSpan.FromHours(4)];

    /// <summary>How long after its arrival a message is given up (RFC 5321 §4.5.4.1: 4 to 5 days).</summary>
    public TimeSpan Expire { get; init; } = TimeSpan.FromDays(5);

    /// <summary>The same for reports and whatever else has the null reverse-path, when that is shorter: nobody waits for them, and those that answer forged mail never find their way.</summary>
    public TimeSpan ExpireReports { get; init; } = TimeSpan.FromDays(1);

    /// <summary>An operator's rules for what answers mean, in front of ours.</summary>
    public IReadOnlyList<ClassRule> Classes { get; init; } = [];

    public IpFamilies Ip { get; init; } = IpFamilies.Both;

    /// <summary>From where connections are made; null leaves that to the system.</summary>
    public EgressPool? Egress { get; init; }

    public DeliveryTimeouts Timeouts { get; init; } = new();

    /// <summary>What each site gets at most, but for those of <see cref="LimitRules"/>.</summary>
    public SiteLimitOptions Limits { get; init; } = new();

    public IReadOnlyList<LimitRule> LimitRules { get; init; } = [];

    /// <summary>Messages under way at a time on one connection (RFC 2920): so many may arrive twice when it is lost. 1: each waits for the reply to the one before.</summary>
    public int PipelineDepth { get; init; } = 8;
}

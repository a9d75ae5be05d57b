using Relay.Dkim;
using Relay.Dns;
using Relay.Flow;
using Relay.Flow.Abuse;
using Relay.Flow.Accept;
using Relay.Flow.Login;
using Relay.Flow.Milter;
using Relay.Flow.Policy;
using Relay.Spool;
using Relay.Tls;

namespace Relay;

/// <summary>
/// All that the engine needs to know, validated before it gets here: the engine trusts it. Immutable; a reload is a new instance.
/// Paths are absolute. One record per stage, each beside the code it steers.
/// </summary>
public sealed record EngineOptions
{
    /// <summary>The name in the greeting, EHLO, Received fields and reports (RFC 5321 §2.3.5): a full domain name that resolves to this host.</summary>
    public required string Hostname { get; init; }

    public required SpoolOptions Spool { get; init; }

    public IReadOnlyList<ListenerOptions> Listeners { get; init; } = [];

    public TlsOptions Tls { get; init; } = new();

    public AccessOptions Access { get; init; } = new();

    public AbuseOptions Abuse { get; init; } = new();

    public LimitOptions Limits { get; init; } = new();

    public SmtpOptions Smtp { get; init; } = new();

    public DnsOptions Dns { get; init; } = new();

    public DeliveryOptions Delivery { get; init; } = new();

    /// <summary>All that are configured, used or not, so that a wrong address is told at start.</summary>
    public IReadOnlyList<EgressSource> Sources { get; init; } = [];

    public IReadOnlyList<EgressPool> Pools { get; init; } = [];

    public IReadOnlyList<RouteOptions> Routes { get; init; } = [];

    public IReadOnlyList<TenantOptions> Tenants { get; init; } = [];

    /// <summary>The keys with which mail is signed.</summary>
    public IReadOnlyList<DkimKeyOptions> Dkim { get; init; } = [];

    /// <summary>Programs that are asked about mail while it is received, in this order.</summary>
    public IReadOnlyList<MilterOptions> Milters { get; init; } = [];

    public ReportOptions Reports { get; init; } = new();

    public TlsReportOptions TlsReports { get; init; } = new();

    /// <summary>Those who may log in. Null, and no <see cref="Dovecot"/>: nobody can, and AUTH isn't offered.</summary>
    public Accounts? Accounts { get; init; }

    /// <summary>Whose access tokens let <see cref="Accounts"/> log in; null: passwords alone do.</summary>
    public OAuthOptions? OAuth { get; init; }

    /// <summary>Instead of <see cref="Accounts"/>: the Dovecot that knows the users.</summary>
    public DovecotOptions? Dovecot { get; init; }

    /// <summary>The folder for what is kept over restarts besides mail: MTA-STS policies, bans, what was counted for reports on TLS, what users have sent lately. Made when there is something to keep; null keeps nothing.</summary>
    public string? StatePath { get; init; }

    /// <summary>The delivery log, one JSON object a line; null writes none.</summary>
    public string? DeliveryLogPath { get; init; }
}

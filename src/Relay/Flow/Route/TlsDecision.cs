using System.Globalization;
using System.Net.Security;
using Relay.Dns;
using Relay.Protocol.Policy;

namespace Relay.Flow.Route;

/// <summary>
/// Decides what is demanded of TLS for each host of a route: what the configuration says, raised by the host's TLSA records (RFC 7672), and where those give no proof by the domain's MTA-STS policy (RFC 8461 §2).
/// "none" in the configuration is never raised. Holds no state beyond the policies. Any thread; answers within the time limits of what it asks.
/// </summary>
/// <param name="dns">Where TLSA records and the domains' own are looked up.</param>
/// <param name="policies">What is known of domains' policies.</param>
/// <param name="fetch">Fetches the policy of a domain, never throwing for what hosts do.</param>
/// <param name="options">What the configuration says.</param>
/// <param name="certificate">Shown to hosts that ask; null: none.</param>
internal sealed class TlsDecision(IDnsResolver dns, StsPolicies policies, Func<string, Task<StsFetched>> fetch, DeliveryOptions options, SslStreamCertificateContext? certificate)
{
    /// <summary>For a configured next hop: its own TLSA records, where the configuration doesn't say what is demanded of it.</summary>
    public async ValueTask<TlsRoute> ForNextHopAsync(RouteOptions route, RoutePlan plan, CancellationToken cancel)
    {
        var demand = new TlsDemand(route.Tls ?? options.Tls, IsSigned: route.Tls is null && options.Dane);
        TlsPolicy usual = With(new TlsPolicy(demand.Level) { IsNameSure = true });
        return new TlsRoute(demand, await DecideAsync(plan.Targets, demand, domain: null, _ => usual, cancel).ConfigureAwait(false));
    }

    /// <summary>For a domain (lower case) whose mail goes to its exchangers.</summary>
    public async ValueTask<TlsRoute> ForDomainAsync(string domain, RoutePlan plan, CancellationToken cancel)
    {
        OutboundTls level = options.TlsRules.FirstOrDefault(r => DomainPattern.Matches(r.Domain, domain))?.Tls ?? options.Tls;
        if (level == OutboundTls.None)
        {
            return new TlsRoute(new TlsDemand(level), [.. plan.Targets.Select(t => t with { Tls = new TlsPolicy(level) })]);
        }

        StsAnswer sts = default;
        if (options.MtaSts && DnsName.TryNormalize(domain, out string? name) && DnsName.IsHost(name))
        {
            sts = await policies.FindAsync(dns, fetch, name, cancel).ConfigureAwait(false);
        }

        if (sts.Trouble is { } trouble)
        {
            // A failure of the domain, and not of hosts that it may share with others.
            return new TlsRoute(new TlsDemand(level), plan.Targets) { Failure = RoutePlan.Temporary(7, 5, trouble).Failure, Fault = sts.Fault };
        }

        var demand = new TlsDemand(level, sts.Policy, plan.IsSigned && options.Dane);
        IReadOnlyList<HostTarget> targets = await DecideAsync(plan.Targets, demand, domain, host => With(Usual(host, demand, plan.IsSigned)), cancel).ConfigureAwait(false);
        // RFC 7672 §3.2.2: such a host may show one certificate to one domain's mail and another to another's.
        return new TlsRoute(targets.Any(static t => t.Tls!.Dane is { HasAuthority: true }) ? demand with { Domain = domain } : demand, targets) { Fault = sts.Fault };
    }

    /// <summary>What holds for a host without TLSA records.</summary>
    private static TlsPolicy Usual(string host, TlsDemand demand, bool isSigned) => demand.Sts switch
    {
        null => new TlsPolicy(demand.Level) { IsNameSure = isSigned },
        { Mode: MtaStsMode.Enforce } sts when sts.Allows(host) => new TlsPolicy(OutboundTls.Verified, TlsPolicyKind.MtaSts) { IsNameSure = true },
        { Mode: MtaStsMode.Enforce } => new TlsPolicy(OutboundTls.Verified, TlsPolicyKind.MtaSts)
        {
            Refusal = new TlsRefusal(TlsFault.ValidationFailure, $"the MTA-STS policy of the domain does not name {host}"),
        },
        { } sts => new TlsPolicy(demand.Level, TlsPolicyKind.MtaStsTesting) { IsNameSure = isSigned || sts.Allows(host) },
    };

    private TlsPolicy With(TlsPolicy policy) => certificate is null ? policy : policy with { Certificate = certificate };

    private async ValueTask<IReadOnlyList<HostTarget>> DecideAsync(IReadOnlyList<HostTarget> targets, TlsDemand demand, string? domain, Func<string, TlsPolicy> usual, CancellationToken cancel)
    {
        // A host has a few addresses, and one policy for all of them.
        var decided = new Dictionary<string, Task<TlsPolicy?>>(StringComparer.Ordinal);
        foreach (HostTarget target in targets)
        {
            if (!decided.ContainsKey(target.Host))
            {
                decided[target.Host] = demand is { IsSigned: true, Level: not OutboundTls.None } && target.SignedName is not null ? DaneAsync(target, domain, cancel) : Task.FromResult<TlsPolicy?>(null);
            }
        }

        var result = new List<HostTarget>(targets.Count);
        foreach (HostTarget target in targets)
        {
            TlsPolicy without = usual(target.Host);
            TlsPolicy policy = await decided[target.Host].ConfigureAwait(false) switch
            {
                null => without,
                // They prove nothing; what does is not given up for them.
                { Kind: TlsPolicyKind.DaneUnusable } when without.Level == OutboundTls.Verified => without,
                { } dane => With(dane),
            };
            result.Add(target with { Tls = policy });
        }

        return result;
    }

    /// <summary>Null: the host has no TLSA records, for certain or as far as DNSSEC goes. RFC 7672 §2.2.2: at the end of its aliases first, then at its own name.</summary>
    private async Task<TlsPolicy?> DaneAsync(HostTarget target, string? domain, CancellationToken cancel)
    {
        string end = target.SignedName!;
        foreach (string name in end == target.Host ? [end] : new[] { end, target.Host })
        {
            string place = string.Create(CultureInfo.InvariantCulture, $"_{target.Port}._tcp.{name}");
            DnsAnswer<TlsaRecord> answer = await dns.TlsaAsync(place, cancel).ConfigureAwait(false);
            if (answer.Status == DnsStatus.TemporaryFailure)
            {
                // RFC 7672 §2.1.2: whoever can keep the records from us must not gain by it.
                return new TlsPolicy(OutboundTls.Verified, TlsPolicyKind.Dane) { Refusal = new TlsRefusal(TlsFault.DnssecInvalid, $"the TLSA records of {place} can't be had: {answer.Reason}") };
            }

            if (answer.Status == DnsStatus.Found)
            {
                return !answer.Authentic ? null
                    : DaneRecords.Of(answer.Records, name, domain ?? target.Host) is { } records ? new TlsPolicy(OutboundTls.Verified, TlsPolicyKind.Dane) { Dane = records, IsNameSure = true }
                    : new TlsPolicy(OutboundTls.Required, TlsPolicyKind.DaneUnusable);
            }
        }

        return null;
    }
}

using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Relay.Flow;
using Relay.Flow.Route;
using Relay.Protocol.Policy;
using Relay.Tests.Dns;

namespace Relay.Tests.Flow.Route;

/// <summary>What is demanded of TLS for each host, and by whom: the configuration, TLSA records (RFC 7672), MTA-STS (RFC 8461).</summary>
public sealed class TlsDecisionTests
{
    private static readonly string Hash = new('a', 64);

    private readonly ScriptedResolver _dns = new ScriptedResolver { IsSigned = true }.Mx("dest.example", (10, "mx.host.example")).Host("mx.host.example", "192.0.2.1");

    private DeliveryOptions _options = new();

    private string? _policy;
    private string? _policies;

    [Fact]
    public async Task L25_usable_records_of_a_signed_host_demand_a_certificate_that_matches_them()
    {
        _dns.Tlsa("_25._tcp.mx.host.example", $"3 1 1 {Hash}");
        TlsPolicy policy = await OnlyPolicyAsync();
        Assert.Equal((OutboundTls.Verified, "dane", true), (policy.Level, policy.Word, policy.IsNameSure));
        Assert.Equal(["mx.host.example"], policy.Dane!.Names);
    }

    [Theory]
    [InlineData("0 1 1", 64)]
    [InlineData("1 0 1", 64)]
    [InlineData("4 1 1", 64)]
    [InlineData("3 2 1", 64)]
    [InlineData("3 1 3", 64)]
    [InlineData("3 1 1", 62)]
    [InlineData("3 1 1", 40)]
    [InlineData("3 1 2", 64)]
    [InlineData("3 1 0", 0)]
    [InlineData("255 255 255", 2)]
    public async Task L25_records_of_which_none_can_be_used_demand_TLS_and_no_proof(string record, int length)
    {
        _dns.Tlsa("_25._tcp.mx.host.example", $"{record} {new string('a', length)}");
        Assert.Equal((OutboundTls.Required, "dane-unusable"), Said(await OnlyPolicyAsync()));
    }

    [Fact]
    public async Task L25_one_usable_record_among_two_hundred_others_is_used()
    {
        _dns.Tlsa("_25._tcp.mx.host.example", [.. Enumerable.Range(0, 199).Select(static i => $"1 1 1 {i:x64}"), $"3 1 1 {Hash}"]);
        Assert.Single((await OnlyPolicyAsync()).Dane!.Records);
    }

    [Fact]
    public async Task L25_of_hashes_of_the_same_thing_the_stronger_kind_counts()
    {
        _dns.Tlsa("_25._tcp.mx.host.example", $"3 1 1 {Hash}", $"3 1 2 {new string('b', 128)}", $"2 0 1 {Hash}");
        Assert.Equal([(2, 1), (3, 2)], (await OnlyPolicyAsync()).Dane!.Records.Select(static r => ((int)r.Usage, (int)r.MatchingType)));
    }

    [Fact]
    public async Task L25_records_that_cannot_be_had_let_nothing_go_to_the_host()
    {
        _dns.Fails("TLSA", "_25._tcp.mx.host.example", "bogus");
        TlsPolicy policy = await OnlyPolicyAsync();
        Assert.Equal((OutboundTls.Verified, "dane"), Said(policy));
        Assert.Equal(new TlsRefusal(TlsFault.DnssecInvalid, "the TLSA records of _25._tcp.mx.host.example can't be had: bogus"), policy.Refusal);
    }

    [Theory]
    [InlineData("dest.example")]
    [InlineData("mx.host.example")]
    [InlineData("_tcp.mx.host.example")]
    public async Task L25_what_is_not_signed_all_the_way_is_no_DANE(string unsigned)
    {
        _dns.Unsigned(unsigned).Tlsa("_25._tcp.mx.host.example", $"3 1 1 {Hash}");
        Assert.Equal((OutboundTls.Opportunistic, "opportunistic"), Said(await OnlyPolicyAsync()));
        Assert.Equal(unsigned == "_tcp.mx.host.example" ? 1 : 0, _dns.Asked("TLSA", "_25._tcp.mx.host.example"));
    }

    [Fact]
    public async Task L25_no_records_are_no_DANE_for_certain() => Assert.Equal((OutboundTls.Opportunistic, "opportunistic"), Said(await OnlyPolicyAsync()));

    [Fact]
    public async Task L25_records_are_looked_for_at_the_end_of_aliases_and_then_at_the_host()
    {
        _dns.Alias("mx.host.example", "real.example", "192.0.2.7").Tlsa("_25._tcp.mx.host.example", $"3 1 1 {Hash}");
        Assert.Equal("mx.host.example", (await OnlyPolicyAsync()).Dane!.BaseDomain);
        _dns.Tlsa("_25._tcp.real.example", $"3 1 1 {Hash}");
        Assert.Equal("real.example", (await OnlyPolicyAsync()).Dane!.BaseDomain);
    }

    [Fact]
    public async Task L25_below_an_authority_the_certificate_may_be_for_the_domain_so_that_domains_are_kept_apart()
    {
        _dns.Tlsa("_25._tcp.mx.host.example", $"2 1 1 {Hash}").Mx("other.example", (10, "mx.host.example"));
        TlsRoute one = await DecideAsync("dest.example");
        TlsRoute other = await DecideAsync("other.example");
        Assert.Equal(["mx.host.example", "dest.example"], one.Targets[0].Tls!.Dane!.Names);
        Assert.NotEqual(one.Demand, other.Demand);
        Assert.NotEqual(one.Targets[0].Tls, other.Targets[0].Tls);
    }

    [Fact]
    public async Task Domains_at_the_same_hosts_that_demand_the_same_share_them()
    {
        _dns.Tlsa("_25._tcp.mx.host.example", $"3 1 1 {Hash}").Mx("other.example", (10, "mx.host.example"));
        TlsRoute one = await DecideAsync("dest.example");
        TlsRoute other = await DecideAsync("other.example");
        Assert.Equal(one.Demand, other.Demand);
        Assert.Equal(one.Targets[0].Tls, other.Targets[0].Tls);
        Assert.Equal(one.Targets[0].Tls!.GetHashCode(), other.Targets[0].Tls!.GetHashCode());
    }

    [Fact]
    public async Task L26_a_policy_that_is_enforced_demands_a_certificate_of_each_host_it_names_and_allows_no_other()
    {
        _dns.IsSigned = false;
        _dns.Mx("dest.example", (10, "mx.host.example"), (20, "evil.example")).Host("evil.example", "192.0.2.9");
        Enforce("mx.host.example");
        IReadOnlyList<HostTarget> targets = (await DecideAsync("dest.example")).Targets;
        Assert.Equal((OutboundTls.Verified, "mta-sts"), Said(targets[0].Tls!));
        Assert.Null(targets[0].Tls!.Refusal);
        Assert.Equal("the MTA-STS policy of the domain does not name evil.example", targets[1].Tls!.Refusal?.Reason);
    }

    [Fact]
    public async Task L26_a_policy_that_is_tested_demands_nothing()
    {
        Enforce("other.example", "testing");
        TlsPolicy policy = await OnlyPolicyAsync();
        Assert.Equal((OutboundTls.Opportunistic, "mta-sts-testing"), Said(policy));
        Assert.Null(policy.Refusal);
    }

    [Fact]
    public async Task L26_DANE_is_asked_before_MTA_STS_and_MTA_STS_where_DANE_proves_nothing()
    {
        Enforce("other.example");
        _dns.Tlsa("_25._tcp.mx.host.example", $"3 1 1 {Hash}");
        Assert.Equal((OutboundTls.Verified, "dane"), Said(await OnlyPolicyAsync()));
        _dns.Tlsa("_25._tcp.mx.host.example", $"1 1 1 {Hash}");
        Assert.NotNull((await OnlyPolicyAsync()).Refusal);
        Enforce("mx.host.example");
        Assert.Equal((OutboundTls.Verified, "mta-sts"), Said(await OnlyPolicyAsync()));
    }

    [Fact]
    public async Task K484_a_domain_with_a_policy_does_not_hold_up_those_at_the_same_hosts_without_one()
    {
        _dns.Mx("other.example", (10, "mx.host.example"));
        Enforce("wrong.example");
        TlsRoute one = await DecideAsync("dest.example");
        TlsRoute other = await DecideAsync("other.example");
        Assert.NotNull(one.Targets[0].Tls!.Refusal);
        Assert.Null(other.Targets[0].Tls!.Refusal);
        Assert.NotEqual(one.Demand, other.Demand);
    }

    [Fact]
    public async Task L26_a_policy_that_is_lost_is_a_failure_of_the_domain_and_not_of_its_hosts()
    {
        string folder = Directory.CreateTempSubdirectory("relay-sts-").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "dest.example"), "damaged", TestContext.Current.CancellationToken);
        _policies = folder;
        TlsRoute route = await DecideAsync("dest.example");
        Assert.Equal("4.7.5 the domain's MTA-STS policy is lost and can't be fetched anew", $"{route.Failure?.Status} {route.Failure?.Reason}");
        Assert.False(route.Failure!.IsPermanent);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task None_in_the_configuration_is_not_raised()
    {
        _dns.Tlsa("_25._tcp.mx.host.example", $"3 1 1 {Hash}");
        Enforce("mx.host.example");
        _options = _options with { Tls = OutboundTls.Verified, TlsRules = [new TlsRule { Domain = "*.example", Tls = OutboundTls.None }] };
        Assert.Equal((OutboundTls.None, "none"), Said(await OnlyPolicyAsync()));
        Assert.Equal(0, _dns.Asked("TLSA", "_25._tcp.mx.host.example"));
    }

    [Fact]
    public async Task The_first_rule_for_a_domain_decides_and_records_raise_it()
    {
        _options = _options with { TlsRules = [new TlsRule { Domain = "dest.example", Tls = OutboundTls.Required }, new TlsRule { Domain = "*", Tls = OutboundTls.None }] };
        Assert.Equal((OutboundTls.Required, "required"), Said(await OnlyPolicyAsync()));
        _dns.Tlsa("_25._tcp.mx.host.example", $"3 1 1 {Hash}");
        Assert.Equal((OutboundTls.Verified, "dane"), Said(await OnlyPolicyAsync()));
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task Both_can_be_switched_off(bool dane, bool sts)
    {
        _dns.Tlsa("_25._tcp.mx.host.example", $"3 1 1 {Hash}");
        Enforce("mx.host.example");
        _options = _options with { Dane = dane, MtaSts = sts };
        Assert.Equal(dane ? "dane" : "mta-sts", (await OnlyPolicyAsync()).Word);
    }

    [Fact]
    public async Task A_next_hop_has_records_of_its_own_where_the_configuration_leaves_it_to_them()
    {
        _dns.Host("smart.example", "192.0.2.3").Tlsa("_587._tcp.smart.example", $"2 1 1 {Hash}");
        var route = new RouteOptions { Domain = "*", NextHop = new NextHop(NextHopScheme.Smtp, "smart.example", 587) };
        Assert.Equal("dane", (await NextHopAsync(route)).Word);
        Assert.Equal("verified", (await NextHopAsync(route with { Tls = OutboundTls.Verified })).Word);
        Assert.Equal("none", (await NextHopAsync(route with { Tls = OutboundTls.None })).Word);
    }

    private static (OutboundTls Level, string Word) Said(TlsPolicy policy) => (policy.Level, policy.Word);

    private void Enforce(string host, string mode = "enforce")
    {
        _dns.Txt("_mta-sts.dest.example", $"v=STSv1; id={host.Replace(".", "", StringComparison.Ordinal)}{mode};");
        _policy = $"version: STSv1\nmode: {mode}\nmx: {host}\nmax_age: 86400\n";
    }

    private async Task<TlsPolicy> OnlyPolicyAsync() => Assert.Single((await DecideAsync("dest.example")).Targets).Tls!;

    private async Task<TlsRoute> DecideAsync(string domain) => await Decision().ForDomainAsync(domain, await Resolver().ByMxAsync(domain, default), default);

    private async Task<TlsPolicy> NextHopAsync(RouteOptions route) => Assert.Single((await Decision().ForNextHopAsync(route, await Resolver().ByNextHopAsync(route.NextHop, default), default)).Targets).Tls!;

    private MxResolver Resolver() => new(_dns, "relay.example", [], _options, new Random(1), static _ => false);

    private TlsDecision Decision()
    {
        var time = new FakeTimeProvider();
        var store = new StsStore(_policies, time, NullLogger.Instance);
        store.Load();
        return new TlsDecision(
            _dns, new StsPolicies(store, time, NullLogger.Instance),
            _ => Task.FromResult(MtaStsPolicy.TryParse(_policy, out MtaStsPolicy? policy, out string? error) ? new StsFetched(policy) : new StsFetched(null, TlsFault.StsPolicyInvalid, error)), _options, null);
    }
}

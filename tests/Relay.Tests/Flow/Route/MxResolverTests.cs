using System.Net;
using Relay.Flow;
using Relay.Flow.Route;

namespace Relay.Tests.Flow.Route;

/// <summary>Which hosts are tried, in which order (RFC 5321 §5.1).</summary>
public sealed class MxResolverTests
{
    private readonly RouteScript _script = new();

    [Fact]
    public async Task Exchangers_are_tried_by_preference_lowest_first()
    {
        _script.Dns.Mx("example.com", (20, "b.example"), (10, "a.example"), (30, "c.example"))
            .Host("a.example", "192.0.2.1").Host("b.example", "192.0.2.2").Host("c.example", "192.0.2.3");
        RoutePlan plan = await _script.ByMxAsync("example.com");
        Assert.Equal(
            [
                new HostTarget("a.example", IPAddress.Parse("192.0.2.1"), 25, 10),
                new HostTarget("b.example", IPAddress.Parse("192.0.2.2"), 25, 20),
                new HostTarget("c.example", IPAddress.Parse("192.0.2.3"), 25, 30),
            ],
            plan.Targets);
    }

    [Fact]
    public async Task Equal_preferences_are_shuffled_and_never_pass_lower_ones()
    {
        var firsts = new HashSet<string>();
        for (int seed = 0; seed < 50; seed++)
        {
            var script = new RouteScript { Seed = seed };
            script.Dns.Mx("example.com", (20, "z.example"), (10, "a.example"), (10, "b.example"), (10, "c.example"))
                .Host("a.example", "192.0.2.1").Host("b.example", "192.0.2.2").Host("c.example", "192.0.2.3").Host("z.example", "192.0.2.9");
            string[] tried = await script.TriedForAsync("example.com");
            Assert.Equal("z.example 192.0.2.9:25", tried[^1]);
            firsts.Add(tried[0]);
        }

        Assert.Equal(3, firsts.Count);
    }

    [Fact]
    public async Task Addresses_of_a_host_are_shuffled_within_their_family()
    {
        var firsts = new HashSet<string>();
        for (int seed = 0; seed < 50; seed++)
        {
            var script = new RouteScript { Seed = seed };
            script.Dns.Mx("example.com", (10, "a.example")).Host("a.example", "192.0.2.1", "192.0.2.2", "192.0.2.3");
            firsts.Add((await script.TriedForAsync("example.com"))[0]);
        }

        Assert.Equal(3, firsts.Count);
    }

    [Fact]
    public async Task IPv6_and_IPv4_take_turns()
    {
        _script.Dns.Mx("example.com", (10, "a.example")).Host("a.example", "192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1");
        RoutePlan plan = await _script.ByMxAsync("example.com");
        Assert.Equal([true, false, false, false], plan.Targets.Select(target => target.Address!.ToString().Contains(':', StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(IpFamilies.Ipv4, "a.example 192.0.2.1:25")]
    [InlineData(IpFamilies.Ipv6, "a.example [2001:db8::1]:25")]
    public async Task Only_the_configured_family_is_looked_up_and_tried(IpFamilies families, string tried)
    {
        var script = new RouteScript { Options = new DeliveryOptions { Ip = families } };
        script.Dns.Mx("example.com", (10, "a.example")).Host("a.example", "192.0.2.1", "2001:db8::1");
        Assert.Equal([tried], await script.TriedForAsync("example.com"));
        Assert.Equal(1, script.Dns.Asked("A", "a.example") + script.Dns.Asked("AAAA", "a.example"));
    }

    [Fact]
    public async Task The_configured_port_is_used()
    {
        var script = new RouteScript { Options = new DeliveryOptions { Port = 2526 } };
        script.Dns.Mx("example.com", (10, "a.example")).Host("a.example", "192.0.2.1");
        Assert.Equal(["a.example 192.0.2.1:2526"], await script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task Hosts_and_addresses_are_capped_and_every_host_keeps_a_share()
    {
        var many = Enumerable.Range(1, 20).ToArray();
        _script.Dns.Mx("example.com", [.. many.Select(i => (i, $"h{i}.example"))]);
        foreach (int i in many)
        {
            _script.Dns.Host($"h{i}.example", [.. many.Select(j => $"10.0.{i}.{j}")]);
        }

        RoutePlan plan = await _script.ByMxAsync("example.com");
        Assert.Equal(10, plan.Targets.Count);
        Assert.Equal(["h1.example", "h2.example", "h3.example", "h4.example", "h5.example"], plan.Targets.Select(target => target.Host).Distinct());
        Assert.Equal(0, _script.Dns.Asked("A", "h6.example"));
    }

    [Fact]
    public async Task A_single_host_may_use_all_the_addresses()
    {
        _script.Dns.Mx("example.com", (10, "a.example")).Host("a.example", [.. Enumerable.Range(1, 20).Select(i => $"192.0.2.{i}")]);
        Assert.Equal(10, (await _script.ByMxAsync("example.com")).Targets.Count);
    }

    [Fact]
    public async Task Hosts_without_address_do_not_use_up_the_hosts_that_are_tried()
    {
        _script.Dns.Mx("example.com", [.. Enumerable.Range(1, 7).Select(i => (i, $"h{i}.example"))]).Host("h7.example", "192.0.2.7");
        Assert.Equal(["h7.example 192.0.2.7:25"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task A_domain_cannot_make_us_look_up_hundreds_of_hosts()
    {
        _script.Dns.Mx("example.com", [.. Enumerable.Range(1, 200).Select(i => (i, $"h{i}.example"))]);
        Assert.Equal(["failure 5.4.4"], await _script.TriedForAsync("example.com"));
        Assert.True(_script.Dns.AskedInAll <= 1 + 2 * MxResolver.MaximumLookUps);
    }

    [Fact]
    public async Task A_host_named_twice_is_tried_once_at_its_best_place()
    {
        _script.Dns.Mx("example.com", (30, "A.example"), (10, "a.example"), (20, "b.example")).Host("a.example", "192.0.2.1").Host("b.example", "192.0.2.2");
        Assert.Equal(["a.example 192.0.2.1:25", "b.example 192.0.2.2:25"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task Without_exchangers_the_domain_itself_is_the_host()
    {
        _script.Dns.Host("example.com", "192.0.2.1");
        Assert.Equal(["example.com 192.0.2.1:25"], await _script.TriedForAsync("Example.COM."));
    }

    [Fact]
    public async Task With_exchangers_the_domains_own_address_is_never_used()
    {
        _script.Dns.Mx("example.com", (10, "gone.example")).Host("example.com", "192.0.2.1");
        Assert.Equal(["failure 5.4.4"], await _script.TriedForAsync("example.com"));
        Assert.Equal(0, _script.Dns.Asked("A", "example.com"));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("IPv6:::1")]
    [InlineData("ipv6:2001:db8::1")]
    public async Task An_address_literal_goes_straight_to_its_address(string literal)
    {
        RoutePlan plan = await _script.ByMxAsync($"[{literal}]");
        HostTarget target = Assert.Single(plan.Targets);
        string address = literal.Split(':', 2) is [_, var rest] ? rest : literal;
        Assert.Equal(IPAddress.Parse(address), target.Address);
        Assert.Equal(target.Address!.ToString(), target.Host);
        Assert.Equal(0, _script.Dns.AskedInAll);
    }

    [Fact]
    public async Task All_hosts_are_looked_up_at_once()
    {
        _script.Dns.Mx("example.com", (10, "a.example"), (20, "b.example")).Host("a.example", "192.0.2.1").Host("b.example", "192.0.2.2");
        TaskCompletionSource[] held =
            [_script.Dns.Hold("A", "a.example"), _script.Dns.Hold("AAAA", "a.example"), _script.Dns.Hold("A", "b.example"), _script.Dns.Hold("AAAA", "b.example")];
        Task<RoutePlan> pending = _script.ByMxAsync("example.com");
        Assert.Equal(5, _script.Dns.AskedInAll);
        Array.ForEach(held, one => one.SetResult());
        Assert.Equal(2, (await pending).Targets.Count);
    }

    [Fact]
    public async Task Who_cancels_gets_an_exception()
    {
        _script.Dns.Mx("example.com", (10, "a.example")).Hold("A", "a.example");
        using var cancel = new CancellationTokenSource();
        Task<RoutePlan> pending = _script.UntilAsync("example.com", cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending);
    }

    [Fact]
    public async Task A_next_hop_is_reached_at_its_addresses_and_port_without_MX()
    {
        _script.Dns.Mx("hop.example", (10, "elsewhere.example")).Host("hop.example", "192.0.2.1", "2001:db8::1");
        RoutePlan plan = await _script.ByNextHopAsync("hop.example", 2525);
        Assert.Equal(["hop.example [2001:db8::1]:2525", "hop.example 192.0.2.1:2525"], RouteScript.Text(plan));
        Assert.Equal(0, _script.Dns.Asked("MX", "hop.example"));
    }

    [Theory]
    [InlineData("10.0.0.5", "10.0.0.5 10.0.0.5:25")]
    [InlineData("2001:db8::5", "2001:db8::5 [2001:db8::5]:25")]
    public async Task A_next_hop_may_be_an_address(string host, string tried)
    {
        Assert.Equal([tried], RouteScript.Text(await _script.ByNextHopAsync(host)));
        Assert.Equal(0, _script.Dns.AskedInAll);
    }

    [Fact]
    public async Task Localhost_as_next_hop_is_no_question_for_DNS()
    {
        Assert.Equal(["localhost [::1]:25", "localhost 127.0.0.1:25"], RouteScript.Text(await _script.ByNextHopAsync("localhost")));
        Assert.Equal(0, _script.Dns.AskedInAll);
    }
}

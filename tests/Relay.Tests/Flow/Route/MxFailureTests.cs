using Relay.Flow;

namespace Relay.Tests.Flow.Route;

/// <summary>When mail bounces for what DNS says, and when it waits: only certainty bounces.</summary>
public sealed class MxFailureTests
{
    private readonly RouteScript _script = new();

    [Theory]
    [InlineData(0)]
    [InlineData(10)]
    public async Task A_null_MX_does_not_accept_mail(int preference)
    {
        _script.Dns.Mx("example.com", (preference, ".")).Host("example.com", "192.0.2.1");
        RoutePlan plan = await _script.ByMxAsync("example.com");
        Assert.Equal("5.1.10", plan.Failure?.Status.ToString());
        Assert.Contains("does not accept mail", plan.Failure?.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_root_beside_real_exchangers_is_skipped()
    {
        _script.Dns.Mx("example.com", (0, "."), (10, "a.example")).Host("a.example", "192.0.2.1");
        Assert.Equal(["a.example 192.0.2.1:25"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task A_domain_that_does_not_exist_fails_for_good()
    {
        Assert.Equal(["failure 5.1.2"], await _script.TriedForAsync("none.example"));
        Assert.Equal(1, _script.Dns.AskedInAll);
    }

    [Fact]
    public async Task A_failing_MX_look_up_waits_and_never_falls_back_to_the_domains_address()
    {
        _script.Dns.Fails("MX", "example.com", "192.0.2.53:53 answered ServerFailure").Host("example.com", "192.0.2.1");
        RoutePlan plan = await _script.ByMxAsync("example.com");
        Assert.Equal("4.4.3", plan.Failure?.Status.ToString());
        Assert.False(plan.Failure?.IsPermanent);
        Assert.Contains("answered ServerFailure", plan.Failure?.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_domain_with_neither_exchanger_nor_address_fails_for_good()
    {
        _script.Dns.Host("example.com");
        Assert.Equal(["failure 5.1.2"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task A_domain_of_its_own_whose_address_cannot_be_looked_up_waits()
    {
        _script.Dns.Host("example.com").Fails("AAAA", "example.com");
        Assert.Equal(["failure 4.4.3"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task Exchangers_that_do_not_resolve_are_skipped()
    {
        _script.Dns.Mx("example.com", (10, "gone.example"), (20, "empty.example"), (30, "c.example")).Host("empty.example").Host("c.example", "192.0.2.3");
        Assert.Equal(["c.example 192.0.2.3:25"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task An_exchanger_that_cannot_be_looked_up_does_not_hold_back_the_others()
    {
        _script.Dns.Mx("example.com", (10, "slow.example"), (20, "b.example")).Fails("A", "slow.example").Fails("AAAA", "slow.example").Host("b.example", "192.0.2.2");
        Assert.Equal(["b.example 192.0.2.2:25"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task One_family_that_cannot_be_looked_up_does_not_hold_back_the_other()
    {
        _script.Dns.Mx("example.com", (10, "a.example")).Host("a.example", "192.0.2.1").Fails("AAAA", "a.example");
        Assert.Equal(["a.example 192.0.2.1:25"], await _script.TriedForAsync("example.com"));
    }

    [Theory]
    [InlineData("A")]
    [InlineData("AAAA")]
    public async Task If_any_exchanger_cannot_be_looked_up_and_no_other_resolves_mail_waits(string type)
    {
        _script.Dns.Mx("example.com", (10, "gone.example"), (20, "slow.example")).Fails(type, "slow.example");
        Assert.Equal(["failure 4.4.3"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task If_no_exchanger_exists_mail_fails_for_good()
    {
        _script.Dns.Mx("example.com", (10, "gone.example"), (20, "empty.example")).Host("empty.example");
        Assert.Equal(["failure 5.4.4"], await _script.TriedForAsync("example.com"));
    }

    [Theory]
    [InlineData("1.2.3.4")]
    [InlineData("a b.example")]
    [InlineData("a\\013\\010.example")]
    [InlineData("-.\0.example")]
    public async Task An_exchanger_that_is_no_host_name_is_skipped_without_a_look_up(string exchange)
    {
        _script.Dns.Mx("example.com", (10, exchange)).Host(exchange, "192.0.2.66");
        Assert.Equal(["failure 5.4.4"], await _script.TriedForAsync("example.com"));
        Assert.Equal(1, _script.Dns.AskedInAll);
    }

    [Theory]
    [InlineData("224.0.0.1")]
    [InlineData("239.1.2.3")]
    [InlineData("255.255.255.255")]
    [InlineData("0.1.2.3")]
    [InlineData("240.0.0.1")]
    [InlineData("ff02::1")]
    [InlineData("fe80::1")]
    [InlineData("::ffff:224.0.0.1")]
    public async Task Addresses_that_are_no_hosts_are_never_used(string address)
    {
        _script.Dns.Mx("example.com", (10, "a.example")).Host("a.example", address);
        Assert.Equal(["failure 5.4.4"], await _script.TriedForAsync("example.com"));

        _script.Dns.Host("a.example", address, "192.0.2.1");
        Assert.Equal(["a.example 192.0.2.1:25"], await _script.TriedForAsync("example.com"));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("[")]
    [InlineData("[1.2.3]")]
    [InlineData("[1]")]
    [InlineData("[0x7f.0.0.1]")]
    [InlineData("[1.2.3.4:25]")]
    [InlineData("[256.1.1.1]")]
    [InlineData("[::1]")]
    [InlineData("[IPv6:1.2.3.4]")]
    [InlineData("[IPv6:fe80::1%eth0]")]
    [InlineData("[IPv6:[::1]:25]")]
    [InlineData("[192.0.2.1")]
    [InlineData("1.2.3.4")]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("a b")]
    [InlineData("a\r\nb.example")]
    public async Task What_is_neither_domain_nor_literal_fails_for_good(string domain)
    {
        Assert.Equal(["failure 5.1.2"], await _script.TriedForAsync(domain));
        Assert.Equal(0, _script.Dns.AskedInAll);
    }

    [Fact]
    public async Task A_literal_of_a_family_that_is_switched_off_fails()
    {
        var script = new RouteScript { Options = new DeliveryOptions { Ip = IpFamilies.Ipv4 } };
        Assert.Equal(["failure 5.4.4"], await script.TriedForAsync("[IPv6:2001:db8::1]"));
    }

    [Fact]
    public async Task Mail_for_a_next_hop_that_does_not_exist_waits_for_the_operator()
    {
        Assert.Equal(["failure 4.3.5"], RouteScript.Text(await _script.ByNextHopAsync("gone.example")));
        Assert.Equal(["failure 4.3.5"], RouteScript.Text(await _script.ByNextHopAsync("0.0.0.0")));
    }

    [Fact]
    public async Task Mail_for_a_next_hop_that_cannot_be_looked_up_waits()
    {
        _script.Dns.Fails("A", "hop.example").Fails("AAAA", "hop.example");
        Assert.Equal(["failure 4.4.3"], RouteScript.Text(await _script.ByNextHopAsync("hop.example")));
    }
}

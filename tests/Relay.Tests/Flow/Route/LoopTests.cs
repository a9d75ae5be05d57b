using System.Net;
using Relay.Flow;
using Relay.Flow.Route;

namespace Relay.Tests.Flow.Route;

/// <summary>Mail never comes back to us by way of MX records (RFC 5321 §5.1): our own place in the order and all behind it don't count.</summary>
public sealed class LoopTests
{
    private readonly RouteScript _script = new();

    [Fact]
    public async Task From_our_own_name_on_exchangers_are_dropped()
    {
        _script.Dns.Mx("example.com", (10, "a.example"), (20, "relay.EXAMPLE"), (20, "same.example"), (30, "b.example"))
            .Host("a.example", "192.0.2.1").Host("same.example", "192.0.2.2").Host("b.example", "192.0.2.3").Host("relay.example", "198.51.100.1");
        Assert.Equal(["a.example 192.0.2.1:25"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task From_our_own_address_on_exchangers_are_dropped()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            var script = new RouteScript { Seed = seed };
            script.Dns.Mx("example.com", (10, "a.example"), (20, "alias.example"), (20, "same.example"), (30, "b.example"))
                .Host("a.example", "192.0.2.1").Host("alias.example", "192.0.2.99", "192.0.2.250").Host("same.example", "192.0.2.2").Host("b.example", "192.0.2.3");
            Assert.Equal(["a.example 192.0.2.1:25"], await script.TriedForAsync("example.com"));
        }
    }

    [Theory]
    [InlineData("relay.example")]
    [InlineData("localhost")]
    [InlineData("alias.example")]
    [InlineData("nowhere.example")]
    [InlineData("nowhere6.example")]
    public async Task If_we_are_the_best_exchanger_mail_loops_and_fails(string exchange)
    {
        _script.Dns.Mx("example.com", (10, exchange), (10, "same.example"), (20, "b.example"))
            .Host("relay.example", "198.51.100.1").Host("alias.example", "192.0.2.250").Host("nowhere.example", "0.0.0.0").Host("nowhere6.example", "::");
        Assert.Equal(["failure 5.4.6"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task The_unspecified_address_does_not_hold_back_real_ones()
    {
        _script.Dns.Mx("example.com", (10, "nowhere.example"), (20, "b.example")).Host("nowhere.example", "0.0.0.0").Host("b.example", "192.0.2.2");
        Assert.Equal(["b.example 192.0.2.2:25"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task Our_own_name_as_a_domain_without_exchangers_is_a_loop()
    {
        _script.Dns.Host("relay.example", "198.51.100.1");
        Assert.Equal(["failure 5.4.6"], await _script.TriedForAsync("relay.example"));
    }

    [Fact]
    public async Task Mail_waits_when_an_exchanger_before_us_cannot_be_looked_up()
    {
        _script.Dns.Mx("example.com", (10, "slow.example"), (20, "relay.example")).Fails("A", "slow.example");
        Assert.Equal(["failure 4.4.3"], await _script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task Mail_does_not_wait_for_an_exchanger_behind_us()
    {
        _script.Dns.Mx("example.com", (10, "alias.example"), (20, "slow.example")).Host("alias.example", "192.0.2.250").Fails("A", "slow.example");
        Assert.Equal(["failure 5.4.6"], await _script.TriedForAsync("example.com"));
    }

    [Theory]
    [InlineData("192.0.2.250:25", "192.0.2.250", true)]
    [InlineData("192.0.2.250:2525", "192.0.2.250", false)]
    [InlineData("192.0.2.250:25", "192.0.2.251", false)]
    [InlineData("192.0.2.250:25", "::ffff:192.0.2.250", true)]
    [InlineData("[::ffff:192.0.2.250]:25", "192.0.2.250", true)]
    [InlineData("0.0.0.0:25", "192.0.2.77", true)]
    [InlineData("0.0.0.0:25", "192.0.2.78", false)]
    [InlineData("0.0.0.0:2525", "192.0.2.77", false)]
    [InlineData("0.0.0.0:25", "2001:db8::77", false)]
    [InlineData("[::]:25", "192.0.2.77", true)]
    [InlineData("[::]:25", "2001:db8::77", true)]
    [InlineData("[::]:25", "2001:db8::78", false)]
    [InlineData("127.0.0.1:25", "127.0.0.2", false)]
    public async Task A_listener_of_ours_is_recognised(string listener, string address, bool isOurs)
    {
        IPAddress[] local = [IPAddress.Parse("192.0.2.77"), IPAddress.Parse("2001:db8::77")];
        var script = new RouteScript { Listeners = [IPEndPoint.Parse(listener)], IsLocal = local.Contains };
        script.Dns.Mx("example.com", (10, "a.example")).Host("a.example", address);
        Assert.Equal(isOurs ? "5.4.6" : null, (await script.ByMxAsync("example.com")).Failure?.Status.ToString());
        string literal = address.Contains(':', StringComparison.Ordinal) ? $"[IPv6:{address}]" : $"[{address}]";
        Assert.Equal(isOurs ? "5.4.6" : null, (await script.ByMxAsync(literal)).Failure?.Status.ToString());
        Assert.Equal(isOurs ? "4.3.5" : null, (await script.ByNextHopAsync(address)).Failure?.Status.ToString());
    }

    [Fact]
    public async Task Another_port_on_this_machine_is_somebody_else()
    {
        var script = new RouteScript
        {
            Listeners = [IPEndPoint.Parse("127.0.0.1:2525"), IPEndPoint.Parse("0.0.0.0:2587")],
            Options = new DeliveryOptions { Port = 2526 },
        };
        script.Dns.Mx("example.com", (10, "sink.example")).Host("sink.example", "127.0.0.5");
        Assert.Equal(["sink.example 127.0.0.5:2526"], await script.TriedForAsync("example.com"));
    }

    [Fact]
    public async Task The_literal_of_the_unspecified_address_is_a_loop() => Assert.Equal(["failure 5.4.6"], await _script.TriedForAsync("[0.0.0.0]"));

    [Fact]
    public void This_machines_addresses_are_local_and_others_are_not()
    {
        var local = new LocalAddresses(TimeProvider.System);
        Assert.True(local.Contains(IPAddress.Parse("127.0.0.9")));
        Assert.True(local.Contains(IPAddress.IPv6Loopback));
        Assert.False(local.Contains(IPAddress.Parse("192.0.2.1")));
    }
}

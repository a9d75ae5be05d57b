using Relay.Flow;
using Relay.Tests.Support;

namespace Relay.Tests.Flow;

/// <summary>What the engine says of mail that isn't gone: the limit that binds, in each case.</summary>
public sealed class QueueStatusTests
{
    [Fact]
    public async Task A_domain_that_cannot_be_looked_up_says_so_and_until_when()
    {
        await using EngineFixture relay = Fixture();
        relay.Dns.Fails("MX", "dest.example", "no name server answers");
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");

        DestinationStatus status = Why(relay, "dns");

        Assert.Contains("no name server answers", status.Why, StringComparison.Ordinal);
        Assert.Equal(1, status.Messages);
        Assert.InRange(status.Until!.Value, relay.Time.GetUtcNow(), relay.Time.GetUtcNow() + TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Mail_that_was_put_off_says_by_which_answer_and_when_it_is_tried_again()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        relay.Server.Answer = static line => line.StartsWith("RCPT", StringComparison.Ordinal) ? "450 4.2.2 mailbox full" : null;
        await relay.SendAsync("s@source.example", ["a@dest.example", "b@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 2, "the deferral");

        DestinationStatus status = Why(relay, "back_off");

        Assert.Equal("450 4.2.2 mailbox full", status.LastReply);
        Assert.InRange(status.NextAttempt!.Value - relay.Time.GetUtcNow(), TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(7));
        Assert.Equal("mx.dest.example", status.Site);
    }

    [Fact]
    public async Task A_site_that_answers_nobody_says_what_was_seen()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        relay.Server.Reachable = static _ => false;
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");

        SiteStatus site = Assert.Single(relay.Engine.Sites(false, 10, out _));

        Assert.Equal("suspended", site.Limit);
        Assert.Contains("connection refused", site.Why, StringComparison.Ordinal);
        Assert.NotNull(site.Until);
        Assert.Equal(0, Assert.Single(site.Changes).To);
    }

    [Fact]
    public async Task A_demand_for_TLS_that_no_host_meets_says_so_and_whose_it_is()
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Tls = OutboundTls.Opportunistic } };
        relay.Dns.IsSigned = true;
        relay.Dns.Tlsa("_2525._tcp.mx.dest.example", "3 1 1 " + new string('a', 64));
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");

        SiteStatus site = Assert.Single(relay.Engine.Sites(false, 10, out _));

        Assert.Equal(("tls_policy", "dane"), (site.Limit, site.Tls));
        Assert.Contains("the server does not offer STARTTLS, and TLS is demanded (dane)", site.Why, StringComparison.Ordinal);
        Assert.Equal("dane", relay.Log("deferred").Single().GetProperty("tls_policy").GetString());

        // What comes while nobody is asked is told as much.
        await relay.SendAsync("s@source.example", ["b@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Any(static r => r.GetProperty("to").GetString() == "b@dest.example"), "the second one");
        Assert.Equal("dane", relay.Log("deferred").First(static r => r.GetProperty("to").GetString() == "b@dest.example").GetProperty("tls_policy").GetString());
    }

    [Fact]
    public async Task A_rate_says_that_it_is_one()
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Limits = new SiteLimitOptions { Rate = new Rate(1, TimeSpan.FromHours(1)) } } };
        await relay.StartAsync();
        for (int i = 0; i < 3; i++)
        {
            await relay.SendAsync("s@source.example", ["a@dest.example"]);
        }

        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "the first one");

        DestinationStatus status = Why(relay, "rate");

        Assert.Equal(2, status.Messages);
        Assert.Contains("1 messages in 01:00:00", status.Why, StringComparison.Ordinal);
        Assert.InRange(status.Until!.Value - relay.Time.GetUtcNow(), TimeSpan.FromMinutes(50), TimeSpan.FromHours(1));
    }

    [Fact]
    public async Task Connections_in_use_are_what_holds_back_the_mail_behind_them()
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Limits = new SiteLimitOptions { Connections = 1 } } };
        relay.Server.Answer = static line => line.StartsWith("EHLO", StringComparison.Ordinal) ? ScriptedMailServer.Silence : null;
        await relay.StartAsync();
        for (int i = 0; i < 3; i++)
        {
            await relay.SendAsync("s@source.example", ["a@dest.example"]);
        }

        await Eventually.True(() => relay.Server.Commands.Any(static c => c.StartsWith("EHLO", StringComparison.Ordinal)), "a connection that waits");

        DestinationStatus status = Why(relay, "connections");

        Assert.Equal(3, status.Messages);
        Assert.Contains("in use: 1", status.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_has_gone_is_not_there_any_more()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        Assert.Null(relay.Engine.Why("dest.example", out _));
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "the delivery");

        await relay.PassTimeUntil(() => relay.Engine.Destinations(false, 10, out _).Count == 0, "that nothing waits");
        Assert.Equal(0, relay.Engine.Why("dest.example", out _)?.Messages ?? 0);
    }

    private static DestinationStatus Why(EngineFixture relay, string limit)
    {
        DestinationStatus status = Assert.Single(relay.Engine.Destinations(true, 10, out int total));
        Assert.Equal(limit, status.Limit);
        Assert.Equal(status, relay.Engine.Why("dest.example", out _));
        Assert.Equal(1, total);
        return status;
    }

    private static EngineFixture Fixture()
    {
        var relay = new EngineFixture();
        relay.Dns.Mx("dest.example", (10, "mx.dest.example")).Host("mx.dest.example", "192.0.2.1");
        return relay;
    }
}

using System.Text.Json;
using Relay.Tests.Support;

namespace Relay.Tests.Flow;

/// <summary>What the domains of one provider have in common, through the whole engine.</summary>
public class SiteTests
{
    [Fact]
    public async Task Domains_with_the_same_exchangers_share_a_connection()
    {
        await using EngineFixture relay = await Fixture(domains: 3).StartAsync();
        for (int i = 0; i < 6; i++)
        {
            int sent = i + 1;
            await relay.SendAsync("s@source.example", [$"u@d{i % 3}.example"]);
            await Eventually.True(() => relay.Server.Mail.Count == sent, "delivery");
        }

        Assert.Equal(1, relay.Server.Dials);
    }

    [Fact]
    public async Task A_site_that_is_down_is_found_out_once_for_all_its_domains()
    {
        await using EngineFixture relay = Fixture(domains: 50);
        relay.Server.Reachable = static _ => false;
        await relay.StartAsync();
        for (int i = 0; i < 50; i++)
        {
            await relay.SendAsync("s@source.example", [$"u@d{i}.example"]);
        }

        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 50, "the deferrals", TimeSpan.FromMilliseconds(1));
        Assert.All(relay.Log("deferred"), static l => Assert.Contains("connection refused", l.GetProperty("reply").GetProperty("text").GetString(), StringComparison.Ordinal));
        // Two hosts, and a few workers may have begun before the first one knew.
        Assert.InRange(relay.Server.Dials, 2, 10);
    }

    [Fact]
    public async Task While_the_first_host_is_down_the_backup_gets_the_mail_without_the_first_being_tried_each_time()
    {
        await using EngineFixture relay = Fixture(domains: 1);
        int refused = 0;
        relay.Server.Reachable = to => to.Address.ToString() != "192.0.2.1" || Interlocked.Increment(ref refused) < 0;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["u@d0.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        // Longer than a connection is kept idle, so that the next message wants one of its own; and less than a host is left alone for, however busy this machine is.
        for (int seconds = 0; !relay.Server.Commands.Contains("QUIT"); seconds++)
        {
            Assert.InRange(seconds, 0, 25);
            relay.Time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.Within(() => relay.Server.Commands.Contains("QUIT"), TimeSpan.FromMilliseconds(200));
        }

        await relay.SendAsync("s@source.example", ["u@d0.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 2, "delivery");
        Assert.Equal(1, refused);
    }

    [Fact]
    public async Task Urgent_mail_overtakes_what_waits_for_the_same_site()
    {
        await using EngineFixture relay = Fixture(domains: 1);
        TaskCompletionSource route = relay.Dns.Hold("MX", "d0.example");
        await relay.StartAsync();
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        Assert.Contains("MT-PRIORITY", await client.SayAsync("EHLO client.example", "250"), StringComparison.Ordinal);
        foreach ((string from, string priority) in new[] { ("slow@source.example", " MT-PRIORITY=-3"), ("plain@source.example", ""), ("fast@source.example", " MT-PRIORITY=4") })
        {
            await client.SayAsync($"MAIL FROM:<{from}>{priority}", "250");
            await client.SayAsync("RCPT TO:<u@d0.example>", "250");
            await client.SayAsync("DATA", "354");
            await client.SayAsync("Subject: x\r\n\r\nx\r\n.", "250");
        }

        route.SetResult();
        await Eventually.True(() => relay.Server.Mail.Count == 3, "delivery");
        Assert.Equal(["fast@source.example", "plain@source.example", "slow@source.example"], relay.Server.Mail.Select(static m => m.From));
    }

    [Fact]
    public async Task A_report_that_can_not_be_delivered_expires_sooner_than_mail_and_ends_in_a_dead_letter_record()
    {
        await using EngineFixture relay = Fixture(domains: 1);
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { ExpireReports = TimeSpan.FromHours(2) } };
        relay.Server.Answer = static line => line.StartsWith("RCPT", StringComparison.Ordinal) ? "451 4.2.1 later" : null;
        await relay.StartAsync();
        string report = await relay.SendAsync("", ["u@d0.example"]);
        string mail = await relay.SendAsync("s@source.example", ["v@d0.example"]);
        await relay.PassTimeUntil(() => relay.Log("expired").Count == 1, "the end of the report", TimeSpan.FromSeconds(20));
        JsonElement end = relay.Log("expired").Single();
        Assert.Equal(report, end.GetProperty("id").GetString());
        Assert.True(end.GetProperty("dead_letter").GetBoolean());
        Assert.All(relay.Log("deferred").Where(l => l.GetProperty("id").GetString() == mail), static l => Assert.False(l.TryGetProperty("dead_letter", out _)));
    }

    private static EngineFixture Fixture(int domains)
    {
        var relay = new EngineFixture();
        for (int i = 0; i < domains; i++)
        {
            relay.Dns.Mx($"d{i}.example", (10, "mx1.host.example"), (20, "mx2.host.example"));
        }

        relay.Dns.Host("mx1.host.example", "192.0.2.1").Host("mx2.host.example", "192.0.2.2");
        relay.Dns.Mx("source.example", (10, "mx.source.example")).Host("mx.source.example", "192.0.2.9");
        return relay;
    }
}

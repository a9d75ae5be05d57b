using System.Net;
using Relay.Flow;
using Relay.Tests.Support;

namespace Relay.Tests.Flow;

/// <summary>What a site gets by configuration, and what becomes of mail that one of its hosts doesn't take, through the whole engine.</summary>
public class SiteWorkerTests
{
    [Fact]
    public async Task A_connection_carries_no_more_messages_than_it_may()
    {
        await using EngineFixture relay = await Fixture(static l => l with { MessagesPerConnection = 2, Connections = 1 }).StartAsync();
        await SendAllAsync(relay, 5);
        Assert.Equal(3, relay.Server.Dials);
        await Eventually.True(() => relay.Server.Commands.Count(static c => c == "QUIT") == 2, "the good-byes of the connections that had enough");
    }

    [Fact]
    public async Task Messages_leave_at_the_rate_that_is_set_and_not_sooner()
    {
        await using EngineFixture relay = await Fixture(static l => l with { Rate = new Rate(10, TimeSpan.FromMinutes(1)) }).StartAsync();
        for (int i = 0; i < 4; i++)
        {
            await relay.SendAsync($"s{i}@source.example", ["u@a.example"]);
        }

        DateTimeOffset start = relay.Time.GetUtcNow();
        await Eventually.True(() => relay.Server.Mail.Count == 1, "the first");
        for (int sent = 2; sent <= 4; sent++)
        {
            int count = sent;
            await relay.PassTimeUntil(() => relay.Server.Mail.Count == count, "the next");
            // One at once and nine more in a minute: one every six seconds.
            Assert.InRange((relay.Time.GetUtcNow() - start).TotalSeconds, 6 * (sent - 1) - 1, 6 * (sent - 1) + 3);
        }
    }

    [Fact]
    public async Task What_waits_for_its_rate_beyond_its_time_is_returned_and_not_sent()
    {
        EngineFixture relay = Fixture(static l => l with { Rate = new Rate(1, TimeSpan.FromDays(1)) });
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Expire = TimeSpan.FromHours(4) } };
        await using (await relay.StartAsync())
        {
            await relay.SendAsync("s0@source.example", ["u@a.example"]);
            await relay.SendAsync("s1@source.example", ["late@a.example"]);
            await relay.PassTimeUntil(() => relay.Log("expired").Count == 1, "the end of what waited", TimeSpan.FromSeconds(20));
            Assert.Equal("late@a.example", relay.Log("expired")[0].GetProperty("to").GetString());
            await relay.PassTimeUntil(() => relay.Server.Mail.Any(static m => m.From.Length == 0), "the report");
            Assert.DoesNotContain(relay.Server.Mail, static m => m.Recipients.Contains("late@a.example"));
        }
    }

    [Fact]
    public async Task Recipients_go_together_in_the_number_that_is_set()
    {
        await using EngineFixture relay = await Fixture(static l => l with { RecipientsPerMessage = 2 }).StartAsync();
        await relay.SendAsync("s@source.example", Enumerable.Range(0, 5).Select(static i => $"u{i}@a.example"));
        await Eventually.True(() => relay.Server.Mail.Count == 3, "delivery");
        Assert.Equal([2, 2, 1], relay.Server.Mail.Select(static m => m.Recipients.Count));
        Assert.Equal(5, relay.Server.Mail.SelectMany(static m => m.Recipients).Distinct().Count());
    }

    [Fact]
    public async Task A_limit_for_a_domain_holds_for_it_alone_also_where_another_has_the_same_hosts()
    {
        EngineFixture relay = Fixture(static l => l);
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { LimitRules = [new LimitRule { Domain = "b.example", RecipientsPerMessage = 1 }] } };
        await using (await relay.StartAsync())
        {
            await relay.SendAsync("s@source.example", ["u@a.example", "v@a.example", "u@b.example", "v@b.example"]);
            await Eventually.True(() => relay.Server.Mail.Count == 3, "delivery");
            Assert.Equal(["u@a.example v@a.example", "u@b.example", "v@b.example"], relay.Server.Mail.Select(static m => string.Join(' ', m.Recipients)).Order());
        }
    }

    [Fact]
    public async Task A_limit_for_a_domain_holds_for_its_route_too()
    {
        EngineFixture relay = Fixture(static l => l);
        relay.Options = relay.Options with
        {
            Delivery = relay.Options.Delivery with { LimitRules = [new LimitRule { Domain = "c.example", RecipientsPerMessage = 1 }] },
            Routes = [new RouteOptions { Domain = "c.example", NextHop = new NextHop(NextHopScheme.Smtp, "192.0.2.7", 25) }, new RouteOptions { Domain = "d.example", NextHop = new NextHop(NextHopScheme.Smtp, "192.0.2.7", 25) }],
        };
        await using (await relay.StartAsync())
        {
            await relay.SendAsync("s@source.example", ["u@c.example", "v@c.example", "u@d.example", "v@d.example"]);
            await Eventually.True(() => relay.Server.Mail.Count == 3, "delivery");
            Assert.Equal(["u@c.example", "u@d.example v@d.example", "v@c.example"], relay.Server.Mail.Select(static m => string.Join(' ', m.Recipients)).Order());
        }
    }

    [Fact]
    public async Task Sites_that_wait_for_a_connection_have_turns_however_much_mail_one_of_them_has()
    {
        var relay = new EngineFixture { MaximumWorkers = 1 };
        foreach (string domain in (string[])["a", "b"])
        {
            relay.Dns.Mx(domain + ".example", (10, $"mx.{domain}.example")).Host($"mx.{domain}.example", domain == "a" ? "192.0.2.1" : "192.0.2.2");
        }

        TaskCompletionSource first = relay.Dns.Hold("MX", "a.example");
        TaskCompletionSource second = relay.Dns.Hold("MX", "b.example");
        await using (await relay.StartAsync())
        {
            for (int i = 0; i < 1000; i++)
            {
                await relay.SendAsync("s@source.example", ["u@a.example"]);
            }

            await relay.SendAsync("s@source.example", ["u@b.example"]);
            // The first site has the only place when its first message is on its way; from then on the second one's may come.
            relay.Server.Answer = line =>
            {
                if (line == ".")
                {
                    second.TrySetResult();
                }

                return null;
            };
            first.SetResult();
            await Eventually.True(() => relay.Server.Mail.Count == 1001, "delivery");
        }

        // Without turns it would be the last.
        Assert.InRange(relay.Server.Mail.TakeWhile(static m => m.Recipients[0] != "u@b.example").Count(), 1, 900);
    }

    [Fact]
    public async Task Tenants_have_turns_by_their_weight_however_much_one_of_them_sends()
    {
        EngineFixture relay = Fixture(static l => l with { Connections = 1 });
        relay.Options = relay.Options with
        {
            Tenants = [new TenantOptions { Name = "loud", Networks = [IPNetwork.Parse("127.0.1.0/24")] }, new TenantOptions { Name = "quiet", Networks = [IPNetwork.Parse("127.0.2.0/24")], Weight = 2 }],
        };
        TaskCompletionSource route = relay.Dns.Hold("MX", "a.example");
        await using (await relay.StartAsync())
        {
            for (int i = 0; i < 40; i++)
            {
                await SendAsync(relay, "127.0.1.1", "loud@source.example");
            }

            for (int i = 0; i < 8; i++)
            {
                await SendAsync(relay, "127.0.2.1", "quiet@source.example");
            }

            route.SetResult();
            await Eventually.True(() => relay.Server.Mail.Count == 48, "delivery");
        }

        // Four of the one, then eight of the other.
        Assert.Equal(8, relay.Server.Mail.Take(12).Count(static m => m.From == "quiet@source.example"));
    }

    [Fact]
    public async Task Mail_of_a_tenant_with_a_source_of_its_own_leaves_from_there_unless_a_route_says_another()
    {
        EngineFixture relay = Fixture(static l => l);
        EgressPool own = Pool("own", "192.0.2.50");
        relay.Options = relay.Options with
        {
            Tenants = [new TenantOptions { Name = "shop", Networks = [IPNetwork.Parse("127.0.1.0/24")], Egress = own }],
            Routes = [new RouteOptions { Domain = "c.example", NextHop = new NextHop(NextHopScheme.Smtp, "192.0.2.7", 25), Egress = Pool("route", "192.0.2.51") }],
        };
        TaskCompletionSource route = relay.Dns.Hold("MX", "a.example");
        await using (await relay.StartAsync())
        {
            // Before the look-up and behind it.
            await SendAsync(relay, "127.0.1.1", "first@source.example");
            await SendAsync(relay, "127.0.2.1", "plain@source.example");
            route.SetResult();
            await Eventually.True(() => relay.Server.Mail.Count == 2, "delivery");
            await SendAsync(relay, "127.0.1.1", "later@source.example");
            await Eventually.True(() => relay.Server.Mail.Count == 3, "delivery");
            await relay.SendAsync("routed@source.example", ["u@c.example"]);
            await Eventually.True(() => relay.Server.Mail.Count == 4, "delivery");
            await relay.PassTimeUntil(() => relay.Log("delivered").Count == 4, "the log", TimeSpan.FromMilliseconds(1));
            Dictionary<string, string?> sources = relay.Log("delivered").ToDictionary(static l => l.GetProperty("from").GetString()!, static l => l.GetProperty("source").GetString());
            Assert.Equal(["192.0.2.50", "192.0.2.50", "192.0.2.51"], [sources["first@source.example"], sources["later@source.example"], sources["routed@source.example"]]);
            Assert.NotEqual("192.0.2.50", sources["plain@source.example"]);
            Assert.Equal(2, relay.Server.Commands.Count(static c => c is "EHLO own.example" or "EHLO route.example"));
        }
    }

    [Fact]
    public async Task What_one_host_lacks_an_extension_for_goes_to_another_that_has_it()
    {
        await using EngineFixture relay = await Fixture(static l => l, hosts: 2).StartAsync();
        relay.Server.AnswerAt = static (to, line) => to.Address.ToString() == "192.0.2.2" && line.StartsWith("EHLO", StringComparison.Ordinal) ? "250-two\r\n250-SMTPUTF8\r\n250 8BITMIME" : null;
        await SendUtf8Async(relay);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        Assert.Equal("192.0.2.2", relay.Server.Mail.Single().Address.Address.ToString());
    }

    [Fact]
    public async Task What_no_host_can_be_given_is_returned_at_once()
    {
        await using EngineFixture relay = await Fixture(static l => l, hosts: 2).StartAsync();
        await SendUtf8Async(relay);
        await relay.PassTimeUntil(() => relay.Log("bounced").Count == 1, "the failure", TimeSpan.FromMilliseconds(1));
        Assert.Equal("5.6.7", relay.Log("bounced")[0].GetProperty("reply").GetProperty("enhanced").GetString());
        Assert.DoesNotContain(relay.Server.Commands, static c => c.StartsWith("MAIL FROM:<s@", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_one_host_can_not_be_given_waits_for_another_that_does_not_answer()
    {
        await using EngineFixture relay = await Fixture(static l => l, hosts: 2).StartAsync();
        relay.Server.Reachable = static to => to.Address.ToString() != "192.0.2.1";
        await SendUtf8Async(relay);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral", TimeSpan.FromMilliseconds(1));
        Assert.Contains("connection refused", relay.Log("deferred")[0].GetProperty("reply").GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Empty(relay.Log("bounced"));
    }

    [Fact]
    public async Task A_recipient_that_was_refused_stays_refused_when_the_others_go_to_the_next_host()
    {
        await using EngineFixture relay = await Fixture(static l => l, hosts: 2).StartAsync();
        relay.Server.AnswerAt = static (to, line) => to.Address.ToString() != "192.0.2.1" ? null
            : line.StartsWith("RCPT TO:<gone@", StringComparison.Ordinal) ? "550 5.1.1 no such user"
            : line == "DATA" ? ""
            : null;
        await relay.SendAsync("s@source.example", ["gone@a.example", "there@a.example"]);
        await relay.PassTimeUntil(() => relay.Log("bounced").Count == 1 && relay.Log("delivered").Count >= 1, "both outcomes", TimeSpan.FromMilliseconds(1));
        Assert.Equal("gone@a.example", relay.Log("bounced")[0].GetProperty("to").GetString());
        ReceivedMail mail = relay.Server.Mail.First();
        Assert.Equal(("192.0.2.2", "there@a.example"), (mail.Address.Address.ToString(), mail.Recipients.Single()));
        Assert.Single(relay.Server.Commands, static c => c == "RCPT TO:<gone@a.example>");
    }

    private static EgressPool Pool(string name, string address) => new(name, [new EgressShare(new EgressSource(name, IPAddress.Parse(address), null, name + ".example"), 1)]);

    private static EngineFixture Fixture(Func<SiteLimitOptions, SiteLimitOptions> limits, int hosts = 1)
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Limits = limits(relay.Options.Delivery.Limits) } };
        foreach (string domain in (string[])["a.example", "b.example"])
        {
            relay.Dns.Mx(domain, [.. Enumerable.Range(1, hosts).Select(static i => (10 * i, $"mx{i}.host.example"))]);
        }

        for (int i = 1; i <= hosts; i++)
        {
            relay.Dns.Host($"mx{i}.host.example", $"192.0.2.{i}");
        }

        relay.Dns.Mx("source.example", (10, "mx.source.example")).Host("mx.source.example", "192.0.2.9");
        return relay;
    }

    /// <summary>All are accepted before the first one can leave.</summary>
    private static async Task SendAllAsync(EngineFixture relay, int count)
    {
        TaskCompletionSource route = relay.Dns.Hold("MX", "a.example");
        for (int i = 0; i < count; i++)
        {
            await relay.SendAsync("s@source.example", ["u@a.example"]);
        }

        route.SetResult();
        await Eventually.True(() => relay.Server.Mail.Count == count, "delivery");
    }

    private static async Task SendAsync(EngineFixture relay, string client, string from)
    {
        await using TestClient connection = relay.Connect(client);
        await connection.ExpectAsync("220");
        await connection.SayAsync("EHLO client.example", "250");
        await connection.SayAsync($"MAIL FROM:<{from}>", "250");
        await connection.SayAsync("RCPT TO:<u@a.example>", "250");
        await connection.SayAsync("DATA", "354");
        await connection.SayAsync("Subject: x\r\n\r\nx\r\n.", "250");
    }

    private static async Task SendUtf8Async(EngineFixture relay)
    {
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("MAIL FROM:<s@source.example> SMTPUTF8", "250");
        await client.SayAsync("RCPT TO:<\u00C3\u00BCser@a.example>", "250");
        await client.SayAsync("DATA", "354");
        await client.SayAsync("Subject: x\r\n\r\nx\r\n.", "250");
    }
}

using System.Collections.Frozen;
using System.Net;
using System.Text;
using Relay.Flow;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Accept;

/// <summary>What a session says of domains that take no mail or aren't there, and of addresses of ours.</summary>
public class DomainSessionTests
{
    private const string Stranger = "192.0.2.7";

    /// <summary>I4: RFC 7505 §4.2.</summary>
    [Fact]
    public async Task A_stranger_may_not_send_from_a_domain_that_takes_no_mail_or_is_not_there()
    {
        await using EngineFixture relay = await StartAsync();
        relay.Dns.Mx("silent.example", (0, ".")).Mx("fine.example", (10, "mx.fine.example")).Fails("MX", "ill.example").Host("plain.example", "192.0.2.1");
        await using TestClient client = await GreetedAsync(relay, Stranger);

        await client.SayAsync("MAIL FROM:<a@silent.example>", "550 5.7.27");
        await client.SayAsync("MAIL FROM:<a@gone.example>", "550 5.1.8");
        foreach (string sender in new[] { "a@fine.example", "a@ill.example", "a@plain.example", "a@[192.0.2.1]", "" })
        {
            await client.SayAsync($"MAIL FROM:<{sender}>", "250");
            await client.SayAsync("RSET", "250");
        }

        await client.SayAsync("MAIL FROM:<a@SILENT.example>", "550 5.7.27");
        await using TestClient own = await GreetedAsync(relay, "10.1.2.3");
        await own.SayAsync("MAIL FROM:<a@gone.example>", "250");
    }

    /// <summary>I4: RFC 7505 §4.1.</summary>
    [Fact]
    public async Task A_user_is_told_at_once_of_a_recipient_whose_domain_takes_no_mail_or_is_not_there()
    {
        await using EngineFixture relay = await StartAsync();
        relay.Dns.Mx("silent.example", (0, ".")).Mx("fine.example", (10, "mx.fine.example"));
        await using TestClient client = await relay.ConnectTlsAsync(address: Stranger);
        await client.SayAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes("\0user\0secret")), "235");

        await client.SayAsync("MAIL FROM:<a@b.example>", "250");
        await client.SayAsync("RCPT TO:<a@silent.example>", "556 5.1.10");
        await client.SayAsync("RCPT TO:<a@typo.example>", "550 5.1.2");
        await client.SayAsync("RCPT TO:<a@fine.example>", "250");
        // By a route of ours, and not by DNS.
        await client.SayAsync("RCPT TO:<a@routed.example>", "250");
        Assert.Equal(0, relay.Dns.Asked("MX", "b.example"));
    }

    [Fact]
    public async Task MAIL_waits_two_seconds_for_DNS_and_what_is_pipelined_behind_it_too()
    {
        await using EngineFixture relay = await StartAsync();
        TaskCompletionSource held = relay.Dns.Hold("MX", "slow.example");
        await using TestClient client = await GreetedAsync(relay, Stranger);
        await client.WriteAsync("MAIL FROM:<a@slow.example>\r\nRCPT TO:<known@local.example>\r\nNOOP\r\n");

        await relay.TakesAsync(client.ExpectAsync("250 2.1.0"), TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(2.1), "the reply to MAIL");
        await client.ExpectAsync("250 2.1.5");
        await client.ExpectAsync("250");
        held.SetResult();
    }

    [Fact]
    public async Task Domains_are_not_looked_up_where_nobody_wants_that()
    {
        await using EngineFixture relay = await StartAsync(check: false);
        await using TestClient client = await GreetedAsync(relay, Stranger);
        await client.SayAsync("MAIL FROM:<a@gone.example>", "250");
        Assert.Equal(0, relay.Dns.Asked("MX", "gone.example"));
    }

    /// <summary>I5.</summary>
    [Fact]
    public async Task At_the_address_to_which_the_client_came_there_is_a_postmaster_and_nobody_else()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await GreetedAsync(relay, Stranger);
        await client.SayAsync("MAIL FROM:<>", "250");
        await client.SayAsync("RCPT TO:<user@[192.0.2.25]>", "550 5.7.1");
        await client.SayAsync("RCPT TO:<postmaster@[192.0.2.26]>", "550 5.7.1");
        await client.SayAsync("RCPT TO:<postmaster@[IPv6:2001:db8::1]>", "550 5.7.1");
        await client.SayAsync("RCPT TO:<\"post master\"@[192.0.2.25]>", "550 5.7.1");
        await client.SayAsync("RCPT TO:<PostMaster@[192.0.2.25]>", "250");
    }

    private static async Task<EngineFixture> StartAsync(bool check = true)
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with
        {
            Accounts = TestAccounts.One,
            Access = relay.Options.Access with
            {
                CheckDomains = check,
                RelayFrom = [IPNetwork.Parse("10.0.0.0/8")],
                RelayDomains = new[] { "local.example" }.ToFrozenSet(),
                Recipients = new[] { "known@local.example" }.ToFrozenSet(),
            },
            Routes = [new RouteOptions { Domain = "routed.example", NextHop = new NextHop(NextHopScheme.Smtp, "198.51.100.7", 2526) }],
        };
        await relay.StartAsync();
        return relay;
    }

    private static async Task<TestClient> GreetedAsync(EngineFixture relay, string address)
    {
        TestClient client = relay.Connect(address);
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        return client;
    }
}

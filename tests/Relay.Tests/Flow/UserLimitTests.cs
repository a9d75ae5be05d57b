using System.Text;
using Relay.Flow;
using Relay.Flow.Policy;
using Relay.Tests.Support;

namespace Relay.Tests.Flow;

/// <summary>What one user may send, and whose mail it is.</summary>
public sealed class UserLimitTests : IDisposable
{
    private readonly string _state = Directory.CreateTempSubdirectory("relay-state-").FullName;

    public void Dispose() => Directory.Delete(_state, recursive: true);

    [Fact]
    public async Task Messages_of_an_hour_are_counted_over_sessions_and_a_restart_until_they_are_an_hour_old()
    {
        await using EngineFixture relay = await StartAsync(new UserLimits { MessagesPerHour = 3 });
        await using (TestClient client = await LoggedInAsync(relay))
        {
            await SendAsync(client);
            await SendAsync(client);
            await SendAsync(client);
            await client.SayAsync("MAIL FROM:<a@b.example>", "450 4.7.1 you may send 3 messages in any hour: try again after 2026-11-24 09:01 UTC");
        }

        // 08:00:38 is the start: what was sent is written down when the relay stops.
        await relay.RestartAsync();
        relay.Time.Advance(TimeSpan.FromMinutes(59));
        await using TestClient later = await LoggedInAsync(relay);
        await later.SayAsync("MAIL FROM:<a@b.example>", "450 4.7.1");
        relay.Time.Advance(TimeSpan.FromMinutes(2));
        await SendAsync(later);
    }

    [Fact]
    public async Task What_was_counted_is_on_the_disk_within_a_minute_for_a_relay_that_is_killed()
    {
        await using EngineFixture relay = await StartAsync(new UserLimits { MessagesPerDay = 2 });
        await using TestClient client = await LoggedInAsync(relay);
        await SendAsync(client);
        string file = Path.Combine(_state, "users.json");
        await relay.PassTimeUntil(() => File.Exists(file), "the file", TimeSpan.FromSeconds(10));
        Assert.True(relay.Time.GetUtcNow() - relay.Time.Start <= TimeSpan.FromMinutes(2));
        Assert.Contains("\"user\":{\"messages_hour\":[", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sessions_beside_each_other_get_no_more_than_one()
    {
        await using EngineFixture relay = await StartAsync(new UserLimits { MessagesPerHour = 2, RecipientsPerHour = 3 });
        await using TestClient one = await LoggedInAsync(relay);
        await using TestClient two = await LoggedInAsync(relay);
        await using TestClient three = await LoggedInAsync(relay);
        await one.SayAsync("MAIL FROM:<a@b.example>", "250");
        await two.SayAsync("MAIL FROM:<a@b.example>", "250");
        await three.SayAsync("MAIL FROM:<a@b.example>", "450 4.7.1");
        await one.SayAsync("RCPT TO:<x@c.example>", "250");
        await one.SayAsync("RCPT TO:<y@c.example>", "250");
        await one.SayAsync("RCPT TO:<y@c.example>", "250");
        await two.SayAsync("RCPT TO:<z@c.example>", "250");
        await two.SayAsync("RCPT TO:<w@c.example>", "450 4.7.1 you may send 3 recipients in any hour: try again after ");
        // What isn't sent is free again.
        await one.SayAsync("RSET", "250");
        await three.SayAsync("MAIL FROM:<a@b.example>", "250");
        await two.SayAsync("RCPT TO:<w@c.example>", "250");
        await two.SayAsync("RCPT TO:<v@c.example>", "250");
        await three.SayAsync("RCPT TO:<v@c.example>", "450 4.7.1");
    }

    [Fact]
    public async Task A_message_that_a_client_breaks_off_is_not_counted()
    {
        await using EngineFixture relay = await StartAsync(new UserLimits { MessagesPerHour = 1 });
        for (int i = 0; i < 3; i++)
        {
            await using TestClient client = await LoggedInAsync(relay);
            await client.SayAsync("MAIL FROM:<a@b.example>", "250");
            await client.SayAsync("RCPT TO:<x@c.example>", "250");
            await client.SayAsync("DATA", "354");
            await client.WriteAsync("From: a@b.example\r\n");
            await client.FinishAsync();
            await client.Session;
        }

        await using TestClient whole = await LoggedInAsync(relay);
        await SendAsync(whole);
        await whole.SayAsync("MAIL FROM:<a@b.example>", "450");
    }

    [Fact]
    public async Task A_message_too_big_for_its_user_is_refused_at_MAIL_and_when_it_comes_all_the_same()
    {
        await using EngineFixture relay = await StartAsync(new UserLimits { MessageSize = 1000 });
        await using TestClient client = await LoggedInAsync(relay);
        await client.SayAsync("MAIL FROM:<a@b.example> SIZE=1001", "552 5.3.4");
        await client.SayAsync("MAIL FROM:<a@b.example> SIZE=1000", "250");
        await client.SayAsync("RCPT TO:<x@c.example>", "250");
        await client.SayAsync("DATA", "354");
        await client.SayAsync($"From: a@b.example\r\n\r\n{new string('x', 990)}\r\n.", "552 5.3.4");
        await client.SayAsync("MAIL FROM:<a@b.example>", "250");
        await client.SayAsync("RCPT TO:<x@c.example>", "250");
        await client.SayAsync($"BDAT 1001 LAST\r\n{new string('x', 1001)}".TrimEnd(), "552 5.3.4");
    }

    /// <summary>RFC 1870 §4: what is announced is what holds for this client.</summary>
    [Theory]
    [InlineData(1000L, 1000L)]
    [InlineData(0L, 26214400L)]
    [InlineData(99_000_000L, 26214400L)]
    [InlineData(null, 26214400L)]
    public async Task EHLO_after_a_log_in_announces_the_size_that_the_user_may_send(long? own, long announced)
    {
        await using EngineFixture relay = await StartAsync(new UserLimits { MessageSize = own });
        await using TestClient client = await relay.ConnectTlsAsync();
        Assert.Contains("\n250-SIZE 26214400\n", await client.SayAsync("EHLO client.example", "250"), StringComparison.Ordinal);
        await client.SayAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes("\0user\0secret")), "235");
        Assert.Contains($"\n250-SIZE {announced}\n", await client.SayAsync("EHLO client.example", "250"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mail_of_a_user_is_his_tenants_wherever_it_comes_from_and_after_a_restart()
    {
        await using EngineFixture relay = await StartAsync(UserLimits.None, "shop");
        relay.Options = relay.Options with
        {
            Tenants = [new TenantOptions { Name = "shop" }, new TenantOptions { Name = "local", Networks = [System.Net.IPNetwork.Parse("127.0.0.0/8")] }],
        };
        relay.Engine.Apply(relay.Options);
        relay.Dns.Fails("MX", "c.example");
        await using (TestClient client = await LoggedInAsync(relay))
        {
            await SendAsync(client);
        }

        await relay.SendAsync("stranger@b.example", ["x@c.example"]);
        Assert.Equal(["local 1", "shop 1"], await TenantsAsync(relay));
        await relay.RestartAsync();
        await Eventually.True(() => !relay.Engine.IsSearching, "the mail of before is found");
        Assert.Equal(["local 1", "shop 1"], await TenantsAsync(relay));
    }

    private static async Task<IEnumerable<string>> TenantsAsync(EngineFixture relay) =>
        (await relay.Engine.TenantsAsync()).Tenants.Select(static t => $"{t.Name} {t.Messages}").Order(StringComparer.Ordinal);

    private async Task<EngineFixture> StartAsync(UserLimits limits, string? tenant = null)
    {
        var relay = new EngineFixture();
        Account plain = TestAccounts.One.Find("user")!;
        relay.Options = relay.Options with
        {
            StatePath = _state,
            Accounts = new Accounts([new Account(plain.Name, plain.Verifier, plain.Senders) { Limits = limits, Tenant = tenant }], new byte[32]),
        };
        return await relay.StartAsync();
    }

    private static async Task<TestClient> LoggedInAsync(EngineFixture relay)
    {
        TestClient client = await relay.ConnectTlsAsync();
        await client.SayAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes("\0user\0secret")), "235");
        return client;
    }

    private static async Task SendAsync(TestClient client)
    {
        await client.SayAsync("MAIL FROM:<a@b.example>", "250");
        await client.SayAsync("RCPT TO:<x@c.example>", "250");
        await client.SayAsync("DATA", "354");
        await client.SayAsync("From: a@b.example\r\n\r\nx\r\n.", "250 2.0.0 queued");
    }
}

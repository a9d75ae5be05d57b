using System.Text;
using Relay.Flow.Accept;
using Relay.Protocol.Sasl;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Accept;

public class ScramLoginTests
{
    [Fact]
    public async Task Who_proves_that_he_knows_the_password_is_logged_in_and_gets_a_proof_too()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        var scram = new ScramClient("user", "secret", ScramClient.NewNonce());
        string first = await client.SayAsync("AUTH SCRAM-SHA-256 " + Convert.ToBase64String(scram.First()), "334 ");
        Assert.True(scram.TryFinal(Convert.FromBase64String(first[4..]), out byte[] final));
        string proof = await client.SayAsync(Convert.ToBase64String(final), "334 ");
        Assert.True(scram.IsProof(Convert.FromBase64String(proof[4..])));
        await client.SayAsync("", "235 2.7.0");
        await client.SayAsync("AUTH SCRAM-SHA-256", "503 5.5.1");
        await client.SayAsync("MAIL FROM:<a@b.example>", "250");
    }

    [Fact]
    public async Task What_is_no_end_of_the_exchange_is_no_log_in()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        var scram = new ScramClient("user", "secret", ScramClient.NewNonce());
        string first = await client.SayAsync("AUTH SCRAM-SHA-256 " + Convert.ToBase64String(scram.First()), "334 ");
        Assert.True(scram.TryFinal(Convert.FromBase64String(first[4..]), out byte[] final));
        await client.SayAsync(Convert.ToBase64String(final), "334 ");
        await client.SayAsync("*", "501 5.7.0");
        await client.SayAsync("MAIL FROM:<a@b.example>", "530 5.7.0");
    }

    [Fact]
    public async Task A_wrong_password_counts_as_an_error_of_the_session()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        for (int i = 0; i < new LimitOptions().Errors; i++)
        {
            await client.SayAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes("\0user\0wrong")), "535 5.7.8");
        }

        await client.ExpectAsync("421");
    }

    [Fact]
    public async Task After_a_reload_the_new_accounts_count_also_for_sessions_under_way()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient before = await relay.ConnectTlsAsync();
        await using TestClient inside = await relay.ConnectTlsAsync();
        string first = "AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes("\0user\0secret"));
        await inside.SayAsync(first, "235");
        await inside.SayAsync("MAIL FROM:<a@b.example>", "250");
        await inside.SayAsync("RSET", "250");
        relay.Engine.Apply(relay.Options with { Accounts = TestAccounts.Of(("new", "other", ["*@b.example"])) });
        await using TestClient after = await relay.ConnectTlsAsync();
        await after.SayAsync(first, "535");
        await after.SayAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes("\0new\0other")), "235");
        await before.SayAsync(first, "535");
        await inside.SayAsync("MAIL FROM:<a@b.example>", "530 5.7.0 this user may no longer send");
        await inside.SayAsync("MAIL FROM:<a@b.example>", "530 5.7.0 authentication required");
        await inside.SayAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes("\0new\0other")), "235");
    }

    [Fact]
    public async Task Who_has_another_password_since_has_to_log_in_again_and_who_has_other_senders_has_them_at_once()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.SayAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes("\0user\0secret")), "235");
        relay.Engine.Apply(relay.Options with { Accounts = TestAccounts.Of(("user", "secret", ["*@c.example"])) });
        await client.SayAsync("MAIL FROM:<a@b.example>", "553 5.7.1");
        await client.SayAsync("MAIL FROM:<a@c.example>", "250");
        await client.SayAsync("RSET", "250");
        relay.Engine.Apply(relay.Options with { Accounts = TestAccounts.Of(("user", "changed", ["*@c.example"])) });
        await client.SayAsync("MAIL FROM:<a@c.example>", "530 5.7.0");
    }

    private static Task<EngineFixture> StartAsync()
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with { Accounts = TestAccounts.One };
        relay.Listener = relay.Listener with { Role = ListenerRole.Submission };
        return relay.StartAsync();
    }
}

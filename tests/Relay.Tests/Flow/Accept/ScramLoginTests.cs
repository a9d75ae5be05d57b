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
    public async Task After_a_reload_the_new_accounts_count_for_sessions_that_begin_then()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient before = await relay.ConnectTlsAsync();
        relay.Engine.Apply(relay.Options with { Accounts = TestAccounts.Of(("new", "other", ["*@b.example"])) });
        await using TestClient after = await relay.ConnectTlsAsync();
        string old = "AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes("\0user\0secret"));
        await after.SayAsync(old, "535");
        await after.SayAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes("\0new\0other")), "235");
        await before.SayAsync(old, "235");
    }

    private static Task<EngineFixture> StartAsync()
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with { Accounts = TestAccounts.One };
        relay.Listener = relay.Listener with { Role = ListenerRole.Submission };
        return relay.StartAsync();
    }
}

using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Relay.Flow.Login;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Login;

/// <summary>Users who log in with access tokens (RFC 7628).</summary>
public sealed class TokenLoginTests : IDisposable
{
    private readonly TokenMaker _maker = new();

    public void Dispose() => _maker.Dispose();

    [Theory]
    [InlineData("OAUTHBEARER", "RS256", null)]
    [InlineData("OAUTHBEARER", "PS256", null)]
    [InlineData("OAUTHBEARER", "ES256", null)]
    [InlineData("XOAUTH2", "RS256", null)]
    [InlineData("XOAUTH2", "ES256", null)]
    [InlineData("OAUTHBEARER", "RS256", "")]
    public async Task Who_is_named_in_a_good_token_logs_in(string mechanism, string algorithm, string? kid)
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.SayAsync($"AUTH {mechanism} {Message(mechanism, "user", _maker.Make(relay.Time.GetUtcNow(), "user", algorithm, kid))}", "235 2.7.0");
        await client.SayAsync("MAIL FROM:<a@elsewhere.example>", "553 5.7.1");
        await client.SayAsync("MAIL FROM:<a@b.example>", "250");
    }

    [Fact]
    public async Task The_token_alone_says_who_it_is_and_may_come_in_a_line_of_its_own()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.SayAsync("AUTH OAUTHBEARER", "334 ");
        await client.SayAsync(Base64($"n,,\u0001auth=Bearer {_maker.Make(relay.Time.GetUtcNow(), "user")}\u0001\u0001"), "235 2.7.0");
    }

    [Fact]
    public async Task A_long_token_fits_behind_AUTH_and_one_that_is_too_long_doesnt()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        string Long(int octets) => _maker.Make(relay.Time.GetUtcNow(), "user", change: c => c["groups"] = new string('x', octets));
        await client.SayAsync("AUTH OAUTHBEARER " + Message("OAUTHBEARER", "user", Long(9000)), "500 5.5.6");
        await client.SayAsync("AUTH OAUTHBEARER " + Message("OAUTHBEARER", "user", Long(6000)), "235 2.7.0");
    }

    public static TheoryData<string> Bad =>
    [
        "wrong issuer", "no issuer", "wrong audience", "no audience", "expired", "never expires", "not yet", "alg none", "no signature", "HS256 with the public key", "HS256 with a key of the set", "unknown key", "another key",
        "somebody else", "not a user", "no name", "empty name", "number for a name", "changed behind the signature", "five parts", "two parts", "no JSON",
    ];

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task A_bad_token_is_told_to_be_one_and_then_refused(string what)
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        DateTimeOffset now = relay.Time.GetUtcNow();
        using var other = new TokenMaker();
        string good = _maker.Make(now, "user");
        string token = what switch
        {
            "wrong issuer" => _maker.Make(now, "user", change: static c => c["iss"] = "https://other.example"),
            "no issuer" => _maker.Make(now, "user", change: static c => c.Remove("iss")),
            "wrong audience" => _maker.Make(now, "user", change: static c => c["aud"] = new JsonArray("imap.example")),
            "no audience" => _maker.Make(now, "user", change: static c => c.Remove("aud")),
            "expired" => _maker.Make(now.AddMinutes(-7), "user"),
            "never expires" => _maker.Make(now, "user", change: static c => c.Remove("exp")),
            "not yet" => _maker.Make(now.AddMinutes(2), "user"),
            "alg none" => _maker.Make(now, "user", "none"),
            "no signature" => good[..(good.LastIndexOf('.') + 1)],
            "HS256 with the public key" => _maker.Make(now, "user", "HS256", "rsa"),
            "HS256 with a key of the set" => _maker.Make(now, "user", "HS256", "oct"),
            "unknown key" => _maker.Make(now, "user", kid: "nobody"),
            "another key" => other.Make(now, "user"),
            "not a user" => _maker.Make(now, "stranger"),
            "no name" => _maker.Make(now, "user", change: static c => c.Remove("email")),
            "empty name" => _maker.Make(now, ""),
            "number for a name" => _maker.Make(now, "user", change: static c => c["email"] = new JsonArray(1, 2)),
            "changed behind the signature" => Swap(good, _maker.Make(now, "other", change: static c => c["email"] = "user2")),
            "five parts" => good + ".a.b",
            "two parts" => good[..good.LastIndexOf('.')],
            "no JSON" => "aaaa.bbbb.cccc",
            _ => good,
        };
        string user = what == "somebody else" ? "user2" : "";
        string failure = await client.SayAsync("AUTH OAUTHBEARER " + Base64($"n,{(user.Length > 0 ? "a=" + user : "")},\u0001auth=Bearer {token}\u0001\u0001"), "334 ");
        JsonElement json = JsonDocument.Parse(Convert.FromBase64String(failure[4..])).RootElement;
        Assert.Equal(("invalid_token", "mail.send"), (json.GetProperty("status").GetString(), json.GetProperty("scope").GetString()));
        await client.SayAsync("AQ==", "535 5.7.8");
        await client.SayAsync("MAIL FROM:<a@b.example>", "530");
        await client.SayAsync("AUTH OAUTHBEARER " + Message("OAUTHBEARER", "user", good), "235");
    }

    [Fact]
    public async Task A_token_for_something_else_lacks_the_scope_and_XOAUTH2_has_words_of_its_own()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        string token = _maker.Make(relay.Time.GetUtcNow(), "user", change: static c => c["scope"] = "mail.sending openid");
        string failure = await client.SayAsync("AUTH OAUTHBEARER " + Message("OAUTHBEARER", "user", token), "334 ");
        Assert.Contains("insufficient_scope", Encoding.ASCII.GetString(Convert.FromBase64String(failure[4..])), StringComparison.Ordinal);
        await client.SayAsync("", "535 5.7.8");
        failure = await client.SayAsync("AUTH XOAUTH2 " + Message("XOAUTH2", "user", token), "334 ");
        Assert.Equal("""{"status":"401","schemes":"bearer","scope":"mail.send"}""", Encoding.ASCII.GetString(Convert.FromBase64String(failure[4..])));
        await client.SayAsync("*", "501 5.7.0");
        string asList = _maker.Make(relay.Time.GetUtcNow(), "user", change: static c =>
        {
            c.Remove("scope");
            c["scp"] = new JsonArray("openid", "mail.send");
        });
        await client.SayAsync("AUTH XOAUTH2 " + Message("XOAUTH2", "user", asList), "235");
    }

    [Fact]
    public async Task It_is_offered_only_inside_TLS_and_where_it_is_configured()
    {
        await using EngineFixture relay = await StartAsync();
        await using (TestClient client = relay.Connect())
        {
            await client.ExpectAsync("220");
            Assert.DoesNotContain("AUTH", await client.SayAsync("EHLO c.example", "250"), StringComparison.Ordinal);
            await client.SayAsync("AUTH OAUTHBEARER " + Message("OAUTHBEARER", "user", "a.b.c"), "538");
        }

        await using (TestClient client = await relay.ConnectTlsAsync())
        {
            Assert.Contains("250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2\n", await client.SayAsync("EHLO c.example", "250"), StringComparison.Ordinal);
        }

        relay.Engine.Apply(relay.Options with { OAuth = null });
        await using TestClient without = await relay.ConnectTlsAsync();
        Assert.DoesNotContain("OAUTH", await without.SayAsync("EHLO c.example", "250"), StringComparison.Ordinal);
        await without.SayAsync("AUTH XOAUTH2", "504 5.5.4");
    }

    private static string Swap(string token, string claims) => string.Join('.', token.Split('.')[0], claims.Split('.')[1], token.Split('.')[2]);

    private static string Message(string mechanism, string user, string token) =>
        Base64(mechanism == "XOAUTH2" ? $"user={user}\u0001auth=Bearer {token}\u0001\u0001" : $"n,a={user},\u0001auth=Bearer {token}\u0001\u0001");

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private Task<EngineFixture> StartAsync()
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with
        {
            Accounts = TestAccounts.Of(("user", "secret", ["*@b.example"]), ("user2", "secret", ["*@b.example"])),
            OAuth = new OAuthOptions { Issuer = TokenMaker.Issuer, Audiences = ["other.example", TokenMaker.Audience], Keys = _maker.Keys(), Scope = "mail.send" },
        };
        relay.Listener = relay.Listener with { Role = Relay.Flow.Accept.ListenerRole.Submission };
        return relay.StartAsync();
    }
}

using System.Collections.Frozen;
using System.Net;
using System.Text;
using Relay.Flow;
using Relay.Flow.Abuse;
using Relay.Flow.Accept;
using Relay.Flow.Policy;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Accept;

/// <summary>What a session does with clients that guess, harvest, speak early or stand on lists.</summary>
public class AbuseSessionTests
{
    private const string Stranger = "192.0.2.7";

    /// <summary>H27.</summary>
    [Fact]
    public async Task The_tenth_wrong_password_bans_the_address_over_sessions_and_no_other()
    {
        await using EngineFixture relay = await StartAsync();
        for (int session = 0; session < 2; session++)
        {
            await using TestClient guesser = await relay.ConnectTlsAsync(address: Stranger);
            for (int i = 0; i < 5; i++)
            {
                string reply = await GuessAsync(relay, guesser, "user", $"wrong{session}{i}");
                Assert.StartsWith("535 5.7.8", reply, StringComparison.Ordinal);
            }

            if (session == 1)
            {
                await guesser.ExpectAsync("421 4.7.0");
            }
        }

        await using TestClient banned = relay.Connect(Stranger);
        await banned.ExpectAsync("421 4.7.0");
        await banned.ExpectCloseAsync();
        BanStatus ban = Assert.Single(relay.Engine.Bans());
        Assert.Equal((Stranger, "logins", 10), (ban.Address, ban.Reason, ban.Count));

        await using TestClient user = await relay.ConnectTlsAsync(address: "198.51.100.4");
        Assert.StartsWith("235", await GuessAsync(relay, user, "user", "secret"), StringComparison.Ordinal);

        relay.Time.Advance(TimeSpan.FromMinutes(11));
        await using TestClient again = relay.Connect(Stranger);
        await again.ExpectAsync("220");
    }

    /// <summary>H27: the same for a mechanism that has no password to show.</summary>
    [Fact]
    public async Task A_wrong_proof_counts_as_a_wrong_password()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient guesser = await relay.ConnectTlsAsync(address: Stranger);
        for (int i = 0; i < 10; i++)
        {
            string nonce = await ScramAsync(guesser);
            Task<string> told = guesser.SayAsync(Base64($"c=biws,r={nonce},p={Convert.ToBase64String(new byte[32])}"), "535 5.7.8");
            await relay.PassTimeUntil(() => told.IsCompleted, "an answer");
            await told;
        }

        await guesser.ExpectAsync("421 4.7.0");
        Assert.Single(relay.Engine.Bans());
    }

    [Fact]
    public async Task A_password_waits_after_three_wrong_ones_whether_the_user_exists_or_not()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync(address: Stranger);
        foreach (string name in new[] { "user", "nobody", "user" })
        {
            await client.SayAsync(Plain(name, "wrong"), "535");
        }

        Task<string> right = client.SayAsync(Plain("user", "secret"), "235");
        Assert.False(await Eventually.Within(() => right.IsCompleted, TimeSpan.FromMilliseconds(50)));
        DateTimeOffset since = relay.Time.GetUtcNow();
        await relay.PassTimeUntil(() => right.IsCompleted, "235");
        await right;
        Assert.InRange((relay.Time.GetUtcNow() - since).TotalSeconds, 0.9, 2);
    }

    /// <summary>Two users, one of which exists, are guessed from addresses of their own: who asks can't tell them apart.</summary>
    [Fact]
    public async Task A_user_that_is_guessed_from_everywhere_waits_like_one_who_does_not_exist_and_not_where_he_is_known()
    {
        await using EngineFixture relay = await StartAsync();
        await using (TestClient known = await relay.ConnectTlsAsync(address: "198.51.100.4"))
        {
            await known.SayAsync(Plain("user", "secret"), "235");
        }

        foreach (string name in new[] { "user", "nobody" })
        {
            for (int i = 0; i < 8; i++)
            {
                await using TestClient guesser = await relay.ConnectTlsAsync(address: $"203.0.{name.Length}.{i}");
                Assert.StartsWith("535", await GuessAsync(relay, guesser, name, $"wrong{i}"), StringComparison.Ordinal);
            }
        }

        foreach (string name in new[] { "user", "nobody" })
        {
            await using TestClient late = await relay.ConnectTlsAsync(address: $"203.1.{name.Length}.1");
            DateTimeOffset since = relay.Time.GetUtcNow();
            await GuessAsync(relay, late, name, "late");
            Assert.InRange((relay.Time.GetUtcNow() - since).TotalSeconds, 4.8, 7);
        }

        await using TestClient user = await relay.ConnectTlsAsync(address: "198.51.100.4");
        await user.SayAsync(Plain("user", "secret"), "235");
    }

    /// <summary>H27: sixty connections at once are no faster than one.</summary>
    [Fact]
    public async Task Guessing_on_many_connections_at_once_has_ten_tries_too()
    {
        await using EngineFixture relay = await StartAsync();
        TestClient[] clients = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => relay.ConnectTlsAsync(address: Stranger)));
        Task<string?>[] answers = [.. clients.Select(async (client, i) =>
        {
            await client.WriteAsync(Plain("user", $"wrong{i}") + "\r\n");
            return await client.ReadAsync();
        })];
        await relay.PassTimeUntil(() => answers.All(static a => a.IsCompleted), "all answers", TimeSpan.FromMilliseconds(50));
        string[] replies = [.. (await Task.WhenAll(answers)).Select(static a => a ?? "(closed)")];
        Assert.InRange(replies.Count(static r => r.StartsWith("535", StringComparison.Ordinal)), 3, 10);
        Assert.All(replies, static r => Assert.Matches("^(535|454 4.7.0|421 4.7.0)", r));
        foreach (TestClient client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_ban_holds_over_a_restart_and_can_be_lifted()
    {
        await using EngineFixture relay = await StartAsync();
        await BanAsync(relay);
        Assert.Single(relay.Engine.Bans());
        await relay.RestartAsync();
        await using TestClient banned = relay.Connect(Stranger);
        await banned.ExpectAsync("421 4.7.0");
        Assert.Equal(1, relay.Engine.LiftBan(Stranger, "a test"));
        Assert.Equal(0, relay.Engine.LiftBan(Stranger, "a test"));
        await using TestClient free = relay.Connect(Stranger);
        await free.ExpectAsync("220");
        await relay.RestartAsync();
        Assert.Empty(relay.Engine.Bans());
    }

    [Fact]
    public async Task This_machine_and_networks_that_may_relay_are_slowed_down_and_not_banned()
    {
        await using EngineFixture relay = await StartAsync();
        foreach (string trusted in new[] { "127.0.0.1", "10.1.2.3" })
        {
            await using TestClient client = await relay.ConnectTlsAsync(address: trusted);
            for (int i = 0; i < 15; i++)
            {
                Assert.StartsWith("535", await GuessAsync(relay, client, "user", $"wrong{i}"), StringComparison.Ordinal);
            }
        }

        Assert.Empty(relay.Engine.Bans());
    }

    [Fact]
    public async Task Nothing_applies_to_the_allow_list()
    {
        await using EngineFixture relay = await StartAsync(static a => a with { Allow = [IPNetwork.Parse("192.0.2.0/24")], GreetDelay = TimeSpan.FromSeconds(5) });
        await using TestClient client = await relay.ConnectTlsAsync(address: Stranger);
        for (int i = 0; i < 15; i++)
        {
            await client.SayAsync(Plain("user", $"wrong{i}"), "535");
        }

        await client.SayAsync("MAIL FROM:<a@b.example>", "250");
        await client.SayAsync("RCPT TO:<a@elsewhere.example>", "550");
    }

    [Fact]
    public async Task The_narrower_of_an_allowed_and_a_denied_network_counts()
    {
        await using EngineFixture relay = await StartAsync(static a => a with
        {
            Allow = [IPNetwork.Parse("192.0.2.7/32"), IPNetwork.Parse("198.51.100.0/24")],
            DeniedByFile = new NetworkSet([IPNetwork.Parse("192.0.2.0/24"), IPNetwork.Parse("198.51.100.0/24")]),
        });
        await ExpectGreetingAsync(relay, "192.0.2.7", "220");
        await ExpectGreetingAsync(relay, "192.0.2.8", "554");
        await ExpectGreetingAsync(relay, "198.51.100.1", "554");
    }

    /// <summary>I11.</summary>
    [Fact]
    public async Task A_dictionary_of_recipients_is_shown_out_after_twenty_and_banned_after_fifty()
    {
        await using EngineFixture relay = await StartAsync();
        int asked = 0;
        string last = "";
        while (asked < 1000)
        {
            await using TestClient client = relay.Connect(Stranger);
            string greeting = (await client.ReadAsync())!;
            if (greeting.StartsWith("421", StringComparison.Ordinal))
            {
                break;
            }

            await client.SayAsync("EHLO client.example", "250");
            await client.SayAsync("MAIL FROM:<a@b.example>", "250");
            int before = asked;
            do
            {
                await client.WriteAsync($"RCPT TO:<guess{asked}@local.example>\r\n");
                last = (await client.ReadAsync())!;
                asked += last.StartsWith("550 5.1.1", StringComparison.Ordinal) ? 1 : 0;
            }
            while (last.StartsWith("550 5.1.1", StringComparison.Ordinal) && asked - before < 20);

            if (last.StartsWith("550 5.1.1", StringComparison.Ordinal))
            {
                await client.ExpectAsync("421 4.7.0");
            }
        }

        Assert.Equal(50, asked);
        Assert.Equal("recipients", Assert.Single(relay.Engine.Bans()).Reason);
    }

    [Fact]
    public async Task Addresses_of_one_network_are_banned_together_after_a_hundred()
    {
        await using EngineFixture relay = await StartAsync();
        int guesses = 0;
        for (int host = 1; host <= 60 && relay.Engine.Bans().Count == 0; host++)
        {
            await using TestClient client = await relay.ConnectTlsAsync(address: $"192.0.2.{host}");
            for (int i = 0; i < 5 && relay.Engine.Bans().Count == 0; i++)
            {
                Assert.StartsWith("535", await GuessAsync(relay, client, $"user{host}", $"wrong{i}"), StringComparison.Ordinal);
                guesses++;
            }
        }

        // Some have drained away meanwhile.
        Assert.InRange(guesses, 100, 140);
        Assert.Contains(relay.Engine.Bans(), static b => b.Address == "192.0.2.0/24");
        await ExpectGreetingAsync(relay, "192.0.2.200", "421");
        await ExpectGreetingAsync(relay, "192.0.3.1", "220");
    }

    [Fact]
    public async Task One_network_has_so_many_connections()
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Limits = new LimitOptions { ConnectionsPerNetwork = 2 } };
        await relay.StartAsync();
        await using TestClient first = relay.Connect("2001:db8::1");
        await first.ExpectAsync("220");
        await using TestClient second = relay.Connect("2001:db8::2");
        await second.ExpectAsync("220");
        await ExpectGreetingAsync(relay, "2001:db8::3", "421 4.7.0");
        await ExpectGreetingAsync(relay, "2001:db8:0:1::3", "220");
        await first.SayAsync("QUIT", "221");
        await first.Session;
        await ExpectGreetingAsync(relay, "2001:db8::3", "220");
    }

    [Fact]
    public async Task Connections_beyond_the_rate_are_told_to_come_later()
    {
        await using EngineFixture relay = await StartAsync(static a => a with { Connections = new Rate(3, TimeSpan.FromMinutes(1)) });
        for (int i = 0; i < 3; i++)
        {
            await ExpectGreetingAsync(relay, Stranger, "220");
        }

        await ExpectGreetingAsync(relay, Stranger, "421 4.7.0");
        await ExpectGreetingAsync(relay, "127.0.0.1", "220");
        relay.Time.Advance(TimeSpan.FromSeconds(21));
        await ExpectGreetingAsync(relay, Stranger, "220");
    }

    /// <summary>D4.</summary>
    [Fact]
    public async Task Who_speaks_before_a_delayed_greeting_is_shown_out()
    {
        await using EngineFixture relay = await StartAsync(static a => a with { GreetDelay = TimeSpan.FromSeconds(6) });
        await using TestClient client = relay.Connect(Stranger);
        await client.WriteAsync("EHLO client.example\r\n");
        await client.ExpectAsync("554 5.5.0");
        Task closed = client.ExpectCloseAsync();
        await relay.PassTimeUntil(() => closed.IsCompleted, "the close");
        await closed;
    }

    [Fact]
    public async Task Who_waits_for_a_delayed_greeting_is_greeted_and_trusted_clients_at_once()
    {
        await using EngineFixture relay = await StartAsync(static a => a with { GreetDelay = TimeSpan.FromSeconds(6) });
        await ExpectGreetingAsync(relay, "127.0.0.1", "220");
        await using TestClient client = relay.Connect(Stranger);
        DateTimeOffset since = relay.Time.GetUtcNow();
        Task<string> greeting = client.ExpectAsync("220");
        await relay.PassTimeUntil(() => greeting.IsCompleted, "the greeting");
        await greeting;
        Assert.InRange((relay.Time.GetUtcNow() - since).TotalSeconds, 6, 8);
        await client.SayAsync("EHLO client.example", "250");
    }

    /// <summary>In implicit TLS the client has to speak first, in the handshake; early is what it says inside.</summary>
    [Fact]
    public async Task Early_in_implicit_TLS_is_what_is_said_inside_before_the_greeting()
    {
        await using EngineFixture relay = Fixture(static a => a with { GreetDelay = TimeSpan.FromSeconds(6) });
        relay.Listener = relay.Listener with { Tls = ListenerTls.Implicit };
        await relay.StartAsync();
        await using TestClient early = relay.Connect(Stranger);
        await early.StartTlsAsync();
        await early.WriteAsync("EHLO client.example\r\n");
        await early.ExpectAsync("554 5.5.0");

        await using TestClient patient = relay.Connect(Stranger);
        await patient.StartTlsAsync();
        Task<string> greeting = patient.ExpectAsync("220");
        await relay.PassTimeUntil(() => greeting.IsCompleted, "the greeting");
        await greeting;
    }

    [Fact]
    public async Task A_banned_client_is_not_greeted_in_TLS_nor_looked_up()
    {
        await using EngineFixture relay = Fixture();
        relay.Listener = relay.Listener with { Tls = ListenerTls.Implicit };
        await relay.StartAsync();
        for (int i = 0; i < 100; i++)
        {
            Assert.True(i < 99, "no ban came");
            await using TestClient client = relay.Connect(Stranger);
            await client.StartTlsAsync();
            string? greeting = await client.ReadAsync();
            Assert.StartsWith("220", greeting, StringComparison.Ordinal);
            await client.SayAsync("GET / HTTP/1.1", "421");
            if (relay.Engine.Bans().Count > 0)
            {
                break;
            }
        }

        int asked = relay.Dns.Asked("PTR", Stranger);
        await using TestClient banned = relay.Connect(Stranger);
        await banned.ExpectCloseAsync();
        Assert.Equal(asked, relay.Dns.Asked("PTR", Stranger));
    }

    [Fact]
    public async Task Who_is_listed_is_told_at_RCPT_by_whom_and_why_and_may_log_in()
    {
        await using EngineFixture relay = await ListingAsync();
        await using TestClient client = await relay.ConnectTlsAsync(address: Stranger);
        await client.SayAsync("MAIL FROM:<a@b.example>", "250");
        Assert.Equal("550 5.7.1 client [192.0.2.7] is listed by bl.test: sent spam, see https://bl.test/", await client.SayAsync("RCPT TO:<known@local.example>", "550"));
        await client.SayAsync("RCPT TO:<known@local.example>", "550 5.7.1 client");
        await client.SayAsync("RSET", "250");
        await client.SayAsync(Plain("user", "secret"), "235");
        await client.SayAsync("MAIL FROM:<a@b.example>", "250");
        await client.SayAsync("RCPT TO:<a@elsewhere.example>", "250");

        await using TestClient other = await ToRecipientAsync(relay, "192.0.2.8");
        await other.SayAsync("RCPT TO:<known@local.example>", "250");
        await using TestClient own = await ToRecipientAsync(relay, "10.1.2.3");
        await own.SayAsync("RCPT TO:<known@local.example>", "250");
        Assert.Equal(0, relay.Dns.Asked("A", "3.2.1.10.bl.test"));
    }

    [Fact]
    public async Task Who_is_listed_is_let_in_where_lists_only_mark()
    {
        await using EngineFixture relay = await ListingAsync(static a => a with { ListsOnlyMark = true });
        await using TestClient client = await ToRecipientAsync(relay, Stranger);
        await client.SayAsync("RCPT TO:<known@local.example>", "250");
    }

    [Fact]
    public async Task RCPT_waits_for_a_list_but_not_for_long()
    {
        await using EngineFixture relay = await ListingAsync();
        TaskCompletionSource held = relay.Dns.Hold("A", "8.2.0.192.bl.test");
        await using TestClient late = await ToRecipientAsync(relay, "192.0.2.8");
        DateTimeOffset since = relay.Time.GetUtcNow();
        Task<string> taken = late.SayAsync("RCPT TO:<known@local.example>", "250");
        await relay.PassTimeUntil(() => taken.IsCompleted, "the reply to RCPT");
        await taken;
        Assert.InRange((relay.Time.GetUtcNow() - since).TotalSeconds, 3, 5);
        held.SetResult();

        TaskCompletionSource slow = relay.Dns.Hold("A", "7.2.0.192.bl.test");
        await using TestClient listed = await ToRecipientAsync(relay, Stranger);
        await listed.WriteAsync("RCPT TO:<known@local.example>\r\nRCPT TO:<other@local.example>\r\nNOOP\r\n");
        Task<string> refused = listed.ExpectAsync("550 5.7.1 client");
        Assert.False(await Eventually.Within(() => refused.IsCompleted, TimeSpan.FromMilliseconds(50)));
        slow.SetResult();
        await refused;
        await listed.ExpectAsync("550 5.7.1 client");
        await listed.ExpectAsync("250");
    }

    [Fact]
    public async Task Lists_are_asked_for_users_only_where_that_is_wanted()
    {
        foreach (bool wanted in new[] { false, true })
        {
            await using EngineFixture relay = Listing(a => a with { ListsOnSubmission = wanted });
            relay.Listener = relay.Listener with { Role = ListenerRole.Submission };
            await relay.StartAsync();
            await Eventually.True(() => relay.Dns.Asked("A", "1.0.0.127.bl.test") > 0, "the test of the list");
            await using TestClient client = relay.Connect(Stranger);
            await client.ExpectAsync("220");
            Assert.Equal(wanted, relay.Dns.Asked("A", "7.2.0.192.bl.test") > 0);
        }
    }

    private static EngineFixture Fixture(Func<AbuseOptions, AbuseOptions>? with = null)
    {
        var relay = new EngineFixture();
        var abuse = new AbuseOptions();
        relay.Options = relay.Options with
        {
            Accounts = TestAccounts.One,
            Access = relay.Options.Access with
            {
                RelayFrom = [IPNetwork.Parse("10.0.0.0/8")],
                RelayDomains = new[] { "local.example" }.ToFrozenSet(),
                Recipients = new[] { "known@local.example" }.ToFrozenSet(),
            },
            Abuse = with?.Invoke(abuse) ?? abuse,
            StatePath = Path.Combine(Path.GetDirectoryName(relay.Options.Spool.Paths[0])!, "state"),
        };
        return relay;
    }

    private static Task<EngineFixture> StartAsync(Func<AbuseOptions, AbuseOptions>? with = null) => Fixture(with).StartAsync();

    private static EngineFixture Listing(Func<AbuseOptions, AbuseOptions>? with = null)
    {
        EngineFixture relay = Fixture(a => (with?.Invoke(a) ?? a) with { Lists = [new DnsListOptions { Zone = "bl.test" }] });
        relay.Dns.Host("2.0.0.127.bl.test", "127.0.0.2").Host("7.2.0.192.bl.test", "127.0.0.3").Txt("7.2.0.192.bl.test", "sent spam, see https://bl.test/");
        return relay;
    }

    private static async Task<EngineFixture> ListingAsync(Func<AbuseOptions, AbuseOptions>? with = null)
    {
        EngineFixture relay = await Listing(with).StartAsync();
        // The last question of the test.
        await Eventually.True(() => relay.Dns.Asked("A", DnsList.Reversed(IPAddress.Parse("::ffff:127.0.0.1")) + "bl.test") > 0, "the test of the list");
        await Eventually.True(() => relay.Engine.AreListsUsable, "the use of the list");
        return relay;
    }

    private static async Task<TestClient> ToRecipientAsync(EngineFixture relay, string address)
    {
        TestClient client = relay.Connect(address);
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("MAIL FROM:<a@b.example>", "250");
        return client;
    }

    private static async Task BanAsync(EngineFixture relay)
    {
        await using TestClient guesser = await relay.ConnectTlsAsync(address: Stranger);
        for (int i = 0; i < 10; i++)
        {
            await GuessAsync(relay, guesser, "user", $"wrong{i}");
        }
    }

    private static async Task ExpectGreetingAsync(EngineFixture relay, string address, string start)
    {
        await using TestClient client = relay.Connect(address);
        await client.ExpectAsync(start);
    }

    /// <summary>One guess, however long it takes by the relay's clock.</summary>
    private static async Task<string> GuessAsync(EngineFixture relay, TestClient client, string user, string password)
    {
        await client.WriteAsync(Plain(user, password) + "\r\n");
        Task<string?> reply = client.ReadAsync();
        if (!await Eventually.Within(() => reply.IsCompleted, TimeSpan.FromMilliseconds(30)))
        {
            await relay.PassTimeUntil(() => reply.IsCompleted, "an answer");
        }

        return await reply ?? "(closed)";
    }

    /// <summary>The nonce of a SCRAM exchange that waits for the proof.</summary>
    private static async Task<string> ScramAsync(TestClient client)
    {
        string challenge = await client.SayAsync("AUTH SCRAM-SHA-256 " + Base64("n,,n=user,r=abcdefghijklmnop"), "334 ");
        return Encoding.ASCII.GetString(Convert.FromBase64String(challenge[4..])).Split(',')[0][2..];
    }

    private static string Plain(string user, string password) => "AUTH PLAIN " + Base64($"\0{user}\0{password}");

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}

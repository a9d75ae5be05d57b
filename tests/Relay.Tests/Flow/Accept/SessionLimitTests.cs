using System.Globalization;
using System.Text;
using Relay.Flow.Accept;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Accept;

/// <summary>What a client may take of time and room, and how it is told when that is over.</summary>
public class SessionLimitTests
{
    /// <summary>A8.</summary>
    [Fact]
    public async Task One_connection_too_many_from_an_address_is_told_so_and_the_others_go_on()
    {
        await using EngineFixture relay = await StartAsync(new LimitOptions { ConnectionsPerAddress = 2 });
        await using TestClient first = relay.Connect("192.0.2.7");
        await first.ExpectAsync("220");
        await using TestClient second = relay.Connect("192.0.2.7");
        await second.ExpectAsync("220");
        await using TestClient third = relay.Connect("192.0.2.7");
        await third.ExpectAsync("421 4.7.0");
        await third.ExpectCloseAsync();
        await using TestClient other = relay.Connect("192.0.2.8");
        await other.ExpectAsync("220");
        await first.SayAsync("NOOP", "250");
        await first.SayAsync("QUIT", "221");
        await first.Session;
        await using TestClient fourth = relay.Connect("192.0.2.7");
        await fourth.ExpectAsync("220");
    }

    /// <summary>K1.</summary>
    [Fact]
    public async Task An_idle_client_has_five_minutes_and_is_told_when_they_are_over()
    {
        await using EngineFixture relay = await StartAsync(new LimitOptions());
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        DateTimeOffset since = relay.Time.GetUtcNow();
        Task<string> told = client.ExpectAsync("421 4.4.2");
        await relay.PassTimeUntil(() => told.IsCompleted, "421", TimeSpan.FromSeconds(1));
        await told;
        Assert.True(relay.Time.GetUtcNow() - since >= TimeSpan.FromMinutes(5));
    }

    /// <summary>K2.</summary>
    [Fact]
    public async Task A_command_that_comes_an_octet_at_a_time_gets_no_more_time_than_others()
    {
        await using EngineFixture relay = await StartAsync(new LimitOptions());
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        DateTimeOffset since = relay.Time.GetUtcNow();
        Task<string> told = client.ExpectAsync("421 4.4.2");
        await TrickleAsync(relay, client, told, "N");
        Assert.True(relay.Time.GetUtcNow() - since >= TimeSpan.FromMinutes(5));
    }

    /// <summary>K2.</summary>
    [Theory]
    [InlineData("X")]
    [InlineData("X: y\r\n")]
    [InlineData("\r\n\r\nx\r\n")]
    public async Task A_message_that_comes_slower_than_the_least_rate_ends_with_the_longest_pause(string drop)
    {
        await using EngineFixture relay = await StartAsync(new LimitOptions());
        await using TestClient client = await DataAsync(relay);
        DateTimeOffset since = relay.Time.GetUtcNow();
        Task<string> told = client.ExpectAsync("421 4.4.2");
        await TrickleAsync(relay, client, told, drop);
        Assert.True(relay.Time.GetUtcNow() - since >= TimeSpan.FromMinutes(3));
    }

    /// <summary>K2: a slow line is no attack.</summary>
    [Fact]
    public async Task A_message_that_keeps_the_least_rate_may_take_as_long_as_it_needs()
    {
        await using EngineFixture relay = await StartAsync(new LimitOptions());
        await using TestClient client = await DataAsync(relay);
        string second = new string('x', 5998) + "\r\n";
        for (int i = 0; i < 100; i++)
        {
            await client.WriteAsync(second);
            relay.Time.Advance(TimeSpan.FromSeconds(10));
            await Task.Yield();
        }

        await client.SayAsync(".", "250");
    }

    /// <summary>E14.</summary>
    [Fact]
    public async Task A_client_that_falls_silent_in_its_message_is_told_so_and_nothing_is_stored()
    {
        await using EngineFixture relay = await StartAsync(new LimitOptions());
        await using TestClient client = await DataAsync(relay);
        await client.WriteAsync("Subject: x\r\n");
        Task<string> told = client.ExpectAsync("421 4.4.2");
        await relay.PassTimeUntil(() => told.IsCompleted, "421", TimeSpan.FromSeconds(1));
        await told;
        Assert.Empty(relay.Log());
    }

    /// <summary>E11.</summary>
    [Fact]
    public async Task A_message_without_an_end_is_not_read_for_ever()
    {
        await using EngineFixture relay = await StartAsync(new LimitOptions { MessageSize = 64 * 1024 });
        await using TestClient client = await DataAsync(relay);
        Task<string> told = client.ExpectAsync("421 4.3.4");
        string piece = new string('x', 8190) + "\r\n";
        int pieces = 0;
        while (!told.IsCompleted && pieces < 1000)
        {
            await client.WriteAsync(piece);
            pieces++;
            await Task.Yield();
        }

        await told;
        Assert.InRange(pieces, 70, 300);
    }

    /// <summary>K5.</summary>
    [Fact]
    public async Task Recipients_beyond_the_limit_are_refused_for_now_and_after_a_thousand_more_the_client_is_shown_out()
    {
        await using EngineFixture relay = await StartAsync(new LimitOptions { Recipients = 100, Errors = 5 });
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO c.example", "250");
        await client.SayAsync("MAIL FROM:<a@b.example>", "250");
        for (int i = 0; i < 100; i++)
        {
            await client.SayAsync(string.Create(CultureInfo.InvariantCulture, $"RCPT TO:<u{i}@dest.example>"), "250");
        }

        for (int i = 0; i < 1005; i++)
        {
            await client.SayAsync(string.Create(CultureInfo.InvariantCulture, $"RCPT TO:<v{i}@dest.example>"), "452 4.5.3");
        }

        await client.ExpectAsync("421 4.7.0");
    }

    /// <summary>K3, D7.</summary>
    [Fact]
    public async Task A_client_that_does_not_read_is_not_read_either_and_cut_off_after_a_minute()
    {
        await using EngineFixture relay = await StartAsync(new LimitOptions { Recipients = 100_000 });
        await using TestClient client = relay.Connect();
        await client.WriteAsync("EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n");
        var commands = new StringBuilder();
        for (int i = 0; i < 100; i++)
        {
            commands.Append("RCPT TO:<u@dest.example>\r\n");
        }

        Task writing = Task.CompletedTask;
        int groups = 0;
        while (writing.IsCompletedSuccessfully && groups < 1000)
        {
            writing = client.WriteAsync(commands.ToString());
            groups++;
            for (int turn = 0; turn < 5000 && !writing.IsCompleted; turn++)
            {
                await Task.Yield();
            }
        }

        Assert.InRange(groups, 1, 999);
        await relay.PassTimeUntil(() => client.Session.IsCompleted, "the end of the session", TimeSpan.FromSeconds(1));
    }

    /// <summary>H14: in clear nobody is greeted where TLS comes first.</summary>
    [Fact]
    public async Task A_clear_EHLO_where_TLS_comes_first_gets_no_word_in_clear()
    {
        await using EngineFixture relay = Implicit();
        await relay.StartAsync();
        await using TestClient client = relay.Connect();
        await client.WriteAsync("EHLO c.example\r\n");
        string? said = await client.ReadAsync();
        Assert.DoesNotContain("220", said ?? "", StringComparison.Ordinal);
        await client.Session;
    }

    /// <summary>H17.</summary>
    [Fact]
    public async Task A_handshake_that_comes_an_octet_at_a_time_is_ended()
    {
        await using EngineFixture relay = Implicit();
        await relay.StartAsync();
        await using TestClient client = relay.Connect();
        DateTimeOffset since = relay.Time.GetUtcNow();
        // The head of a record that announces a ClientHello of 16 KiB.
        await client.WriteAsync("\x16\x03\x01\x40\0\x01\0\x3f\xfc\x03\x03");
        await TrickleAsync(relay, client, client.Session, "\x01");
        Assert.True(relay.Time.GetUtcNow() - since >= TimeSpan.FromMinutes(1));
    }

    /// <summary>Drops what it is given every two seconds of the clock, until the session has had enough. The session has its turn in between, and should it fall behind, time passes for it afterwards.</summary>
    private static async Task TrickleAsync(EngineFixture relay, TestClient client, Task until, string drop)
    {
        for (int i = 0; i < 1000 && !until.IsCompleted; i++)
        {
            await client.WriteAsync(drop);
            await Eventually.Within(static () => ThreadPool.PendingWorkItemCount == 0, TimeSpan.FromMilliseconds(2));
            relay.Time.Advance(TimeSpan.FromSeconds(2));
        }

        await relay.PassTimeUntil(() => until.IsCompleted, "the session's end", TimeSpan.FromSeconds(2));
        await until;
    }

    private static EngineFixture Implicit()
    {
        var relay = new EngineFixture();
        relay.Listener = relay.Listener with { Tls = ListenerTls.Implicit };
        return relay;
    }

    private static Task<EngineFixture> StartAsync(LimitOptions limits)
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with { Limits = limits };
        return relay.StartAsync();
    }

    private static async Task<TestClient> DataAsync(EngineFixture relay)
    {
        TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO c.example", "250");
        await client.SayAsync("MAIL FROM:<a@b.example>", "250");
        await client.SayAsync("RCPT TO:<u@dest.example>", "250");
        await client.SayAsync("DATA", "354");
        return client;
    }
}

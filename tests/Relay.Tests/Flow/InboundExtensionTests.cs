using Relay.Flow.Accept;
using Relay.Tests.Support;

namespace Relay.Tests.Flow;

/// <summary>What became of a message behind the extension by which it came.</summary>
public class InboundExtensionTests
{
    /// <summary>F2, F15: what came in chunks goes out as it came, its last line completed.</summary>
    [Fact]
    public async Task A_message_that_came_in_chunks_arrives_byte_for_byte()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        await using TestClient client = await EhloAsync(relay);
        await client.SayAsync("MAIL FROM:<a@source.example>", "250");
        await client.SayAsync("RCPT TO:<u@dest.example>", "250");
        await client.WriteAsync("BDAT 12\r\nSubject: x\r\n");
        await client.ExpectAsync("250");
        await client.WriteAsync("BDAT 21 LAST\r\n\r\n.dot\r\n.\r\nno end yet");
        await client.ExpectAsync("250 2.0.0 queued");
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        Assert.EndsWith("Subject: x\r\n\r\n.dot\r\n.\r\nno end yet\r\n", relay.Server.Mail.Single().Body, StringComparison.Ordinal);
    }

    /// <summary>F13, F18.</summary>
    [Fact]
    public async Task A_client_that_leaves_in_its_chunk_has_sent_nothing()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        TestClient client = await EhloAsync(relay);
        await client.SayAsync("MAIL FROM:<a@source.example>", "250");
        await client.SayAsync("RCPT TO:<u@dest.example>", "250");
        await client.WriteAsync("BDAT 100 LAST\r\nSubject: x\r\n.\r\n");
        await client.DisposeAsync();
        await client.Session;
        Assert.Empty(relay.Log());
        Assert.Empty(relay.Server.Mail);
    }

    /// <summary>F14.</summary>
    [Fact]
    public async Task A_message_in_crumbs_is_ended_after_a_thousand_of_them()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        await using TestClient client = await EhloAsync(relay);
        await client.SayAsync("MAIL FROM:<a@source.example>", "250");
        await client.SayAsync("RCPT TO:<u@dest.example>", "250");
        for (int i = 0; i < 1000; i++)
        {
            await client.WriteAsync("BDAT 1\r\nx");
            await client.ExpectAsync("250");
        }

        await client.WriteAsync("BDAT 1\r\nx");
        await client.ExpectAsync("421 4.4.2");
    }

    /// <summary>J1: RFC 6531 §4.3.</summary>
    [Fact]
    public async Task A_message_of_SMTPUTF8_says_so_in_its_trace_field_and_to_the_next_server()
    {
        await using EngineFixture relay = Fixture();
        relay.Server.Extensions = [.. relay.Server.Extensions, "SMTPUTF8"];
        await relay.StartAsync();
        await SendUtf8Async(relay);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        Assert.Contains(" with UTF8SMTP id ", relay.Server.Mail.Single().Body, StringComparison.Ordinal);
        Assert.Contains(relay.Server.Commands, static c => c.StartsWith("MAIL FROM:<a@source.example>", StringComparison.Ordinal) && c.Contains(" SMTPUTF8", StringComparison.Ordinal));
    }

    /// <summary>G11.</summary>
    [Fact]
    public async Task An_address_that_is_not_ASCII_never_goes_to_a_server_that_does_not_take_it()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        await SendUtf8Async(relay);
        await relay.PassTimeUntil(() => relay.Log("bounced").Count == 1, "the bounce");
        Assert.Equal("5.6.7", relay.Log("bounced").Single().GetProperty("reply").GetProperty("enhanced").GetString());
        Assert.DoesNotContain(relay.Server.Commands, static c => c.Any(static o => o > 127));
    }

    /// <summary>F16.</summary>
    [Fact]
    public async Task A_binary_message_is_returned_where_it_can_not_be_sent_as_lines()
    {
        await using EngineFixture relay = Fixture();
        relay.Options = relay.Options with { Smtp = new SmtpOptions { BinaryMime = true } };
        await relay.StartAsync();
        await using TestClient client = await EhloAsync(relay);
        await client.SayAsync("MAIL FROM:<a@source.example> BODY=BINARYMIME", "250");
        await client.SayAsync("RCPT TO:<u@dest.example>", "250");
        await client.WriteAsync("BDAT 3 LAST\r\na\nb");
        await client.ExpectAsync("250 2.0.0 queued");
        await relay.PassTimeUntil(() => relay.Log("bounced").Count == 1, "the bounce");
        Assert.Equal("5.6.3", relay.Log("bounced").Single().GetProperty("reply").GetProperty("enhanced").GetString());
    }

    [Fact]
    public async Task A_held_message_waits_for_its_time_also_over_a_restart_and_a_hold_too_long_is_refused()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        await using (TestClient client = await EhloAsync(relay))
        {
            await client.SayAsync("MAIL FROM:<a@source.example> HOLDFOR=604801", "501 5.5.4");
            await client.SayAsync("MAIL FROM:<a@source.example> HOLDUNTIL=2026-12-02T08:00:38Z", "501 5.5.4");
            await client.SayAsync("MAIL FROM:<a@source.example> HOLDFOR=3600", "250");
            await client.SayAsync("RCPT TO:<u@dest.example>", "250");
            await client.SayAsync("DATA", "354");
            await client.SayAsync("Subject: later\r\n.", "250 2.0.0 queued");
        }

        DateTimeOffset due = relay.Time.GetUtcNow() + TimeSpan.FromHours(1);
        await relay.RestartAsync();
        Assert.Empty(relay.Server.Mail);
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == 1, "delivery", TimeSpan.FromSeconds(5));
        Assert.True(relay.Time.GetUtcNow() >= due);
    }

    [Fact]
    public async Task A_stranger_can_not_have_mail_held()
    {
        await using EngineFixture relay = await Fixture().StartAsync();
        await using TestClient client = relay.Connect("192.0.2.77");
        await client.ExpectAsync("220");
        string offered = await client.SayAsync("EHLO client.example", "250");
        Assert.DoesNotContain("FUTURERELEASE", offered, StringComparison.Ordinal);
        await client.SayAsync("MAIL FROM:<a@source.example> HOLDFOR=60", "555 5.5.4");
    }

    [Fact]
    public async Task A_message_that_is_to_be_delivered_by_a_time_or_returned_is_returned_then()
    {
        await using EngineFixture relay = Fixture();
        relay.Server.Answer = static line => line.StartsWith("RCPT TO:<u@", StringComparison.Ordinal) ? "450 4.2.1 busy" : null;
        await relay.StartAsync();
        await using TestClient client = await EhloAsync(relay);
        await client.SayAsync("MAIL FROM:<a@source.example> BY=0;R", "501");
        await client.SayAsync("MAIL FROM:<a@source.example> BY=600;R", "250");
        await client.SayAsync("RCPT TO:<u@dest.example>", "250");
        await client.SayAsync("DATA", "354");
        DateTimeOffset due = relay.Time.GetUtcNow() + TimeSpan.FromMinutes(10);
        await client.SayAsync("Subject: soon\r\n.", "250 2.0.0 queued");
        await relay.PassTimeUntil(() => relay.Log("expired").Count == 1, "the end", TimeSpan.FromSeconds(1));
        Assert.True(relay.Time.GetUtcNow() >= due);
        await Eventually.True(() => relay.Server.Mail.Any(static m => m.From.Length == 0 && m.Body.Contains("Status: 5.4.7", StringComparison.Ordinal)), "the report");
    }

    [Fact]
    public async Task A_sender_who_wants_to_be_told_when_a_time_has_passed_is_told_once_and_the_tries_go_on()
    {
        await using EngineFixture relay = Fixture();
        bool busy = true;
        relay.Server.Answer = line => busy && line.StartsWith("RCPT TO:<u@", StringComparison.Ordinal) ? "450 4.2.1 busy" : null;
        await relay.StartAsync();
        await using (TestClient client = await EhloAsync(relay))
        {
            await client.SayAsync("MAIL FROM:<a@source.example> BY=600;N", "250");
            await client.SayAsync("RCPT TO:<u@dest.example>", "250");
            await client.SayAsync("DATA", "354");
            await client.SayAsync("Subject: soon\r\n.", "250 2.0.0 queued");
        }

        DateTimeOffset due = relay.Time.GetUtcNow() + TimeSpan.FromMinutes(10);
        await relay.PassTimeUntil(() => Told(relay) == 1, "the word that it is late", TimeSpan.FromSeconds(1));
        Assert.True(relay.Time.GetUtcNow() >= due);
        Assert.Contains("Status: 4.4.7", relay.Server.Mail.Single().Body, StringComparison.Ordinal);

        await relay.RestartAsync();
        int tries = Tries(relay);
        await relay.PassTimeUntil(() => Tries(relay) >= tries + 2, "two more tries", TimeSpan.FromSeconds(5));
        busy = false;
        await relay.PassTimeUntil(() => relay.Log("delivered").Any(static l => l.GetProperty("to").GetString() == "u@dest.example"), "delivery", TimeSpan.FromSeconds(5));
        Assert.Equal(1, Told(relay));
        Assert.Equal(2, relay.Server.Mail.Count);
    }

    private static int Told(EngineFixture relay) => relay.Server.Mail.Count(static m => m.From.Length == 0 && m.Body.Contains("Action: delayed", StringComparison.Ordinal));

    private static int Tries(EngineFixture relay) => relay.Server.Commands.Count(static c => c.StartsWith("RCPT TO:<u@dest.example>", StringComparison.Ordinal));

    private static async Task SendUtf8Async(EngineFixture relay)
    {
        await using TestClient client = await EhloAsync(relay);
        await client.SayAsync("MAIL FROM:<a@source.example> SMTPUTF8", "250");
        await client.SayAsync("RCPT TO:<\u00c3\u00bc@dest.example>", "250");
        await client.SayAsync("DATA", "354");
        await client.SayAsync("Subject: x\r\n.", "250 2.0.0 queued");
    }

    private static async Task<TestClient> EhloAsync(EngineFixture relay)
    {
        TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        return client;
    }

    private static EngineFixture Fixture()
    {
        var relay = new EngineFixture();
        relay.Dns.Mx("dest.example", (10, "mx.dest.example")).Host("mx.dest.example", "192.0.2.1");
        relay.Dns.Mx("source.example", (10, "mx.source.example")).Host("mx.source.example", "192.0.2.9");
        return relay;
    }
}

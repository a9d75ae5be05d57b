using System.Text.Json;
using Relay.Flow;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Send;

/// <summary>How a connection comes about, or doesn't, and what then becomes of the message.</summary>
public class ConnectorTests
{
    [Theory]
    [InlineData("")]
    [InlineData("220 go on\r\n250 injected")]
    public async Task Opportunistic_TLS_that_fails_is_followed_by_a_fresh_connection_in_clear(string answer)
    {
        await using EngineFixture relay = Fixture(OutboundTls.Opportunistic);
        relay.Server.Extensions = ["STARTTLS"];
        relay.Server.Answer = line => line == "STARTTLS" ? answer : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery in clear");
        Assert.Equal(2, relay.Server.Dials);
        Assert.Equal(1, relay.Server.Commands.Count(c => c == "STARTTLS"));
    }

    [Fact]
    public async Task A_454_to_STARTTLS_goes_on_in_clear_on_the_same_connection_when_TLS_is_opportunistic()
    {
        await using EngineFixture relay = Fixture(OutboundTls.Opportunistic);
        relay.Server.Extensions = ["STARTTLS"];
        relay.Server.Answer = line => line == "STARTTLS" ? "454 4.7.0 not now" : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        Assert.Equal(1, relay.Server.Dials);
    }

    [Theory]
    [InlineData(true, "", "4.7.5")]
    [InlineData(true, "220 go on\r\n250 injected", "4.7.5")]
    [InlineData(false, "", "4.7.4")]
    public async Task Required_TLS_never_goes_out_in_clear(bool offered, string answer, string status)
    {
        await using EngineFixture relay = Fixture(OutboundTls.Required);
        relay.Server.Extensions = offered ? ["STARTTLS"] : [];
        relay.Server.Answer = line => line == "STARTTLS" ? answer : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");
        JsonElement reply = relay.Log("deferred").Single().GetProperty("reply");
        Assert.Contains(reply.GetProperty("enhanced").GetString(), new[] { status, "4.4.2" });
        Assert.Empty(relay.Server.Mail);
        Assert.DoesNotContain(relay.Server.Commands, static c => c.StartsWith("MAIL", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("CONNECT", "greeting")]
    [InlineData("EHLO", "EHLO")]
    [InlineData("MAIL", "MAIL")]
    [InlineData("RCPT", "RCPT")]
    [InlineData("DATA", "DATA")]
    [InlineData(".", "end of the message")]
    public async Task A_server_that_falls_silent_holds_a_message_no_longer_than_its_phase_may_take(string at, string phase)
    {
        await using EngineFixture relay = Fixture(OutboundTls.None);
        relay.Server.Answer = line => line.StartsWith(at, StringComparison.Ordinal) ? ScriptedMailServer.Silence : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral", TimeSpan.FromSeconds(5));
        string text = relay.Log("deferred").Single().GetProperty("reply").GetProperty("text").GetString()!;
        Assert.Contains("timed out", text, StringComparison.Ordinal);
        Assert.Contains(phase, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_refuses_EHLO_is_greeted_with_HELO()
    {
        await using EngineFixture relay = Fixture(OutboundTls.Opportunistic);
        relay.Server.Answer = line => line.StartsWith("EHLO", StringComparison.Ordinal) ? "502 5.5.1 what?" : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        Assert.Contains("HELO relay.example.net", relay.Server.Commands);
        Assert.Contains("MAIL FROM:<s@source.example>", relay.Server.Commands);
    }

    [Theory]
    [InlineData("554 5.7.1 go away")]
    [InlineData("garbage without a code")]
    public async Task A_greeting_that_is_no_welcome_defers_the_message(string greeting)
    {
        await using EngineFixture relay = Fixture(OutboundTls.None);
        relay.Server.Answer = line => line == "CONNECT" ? greeting : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");
        Assert.Empty(relay.Server.Mail);
    }

    private static EngineFixture Fixture(OutboundTls tls)
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Tls = tls } };
        relay.Dns.Mx("dest.example", (10, "mx.dest.example")).Host("mx.dest.example", "192.0.2.1");
        return relay;
    }
}

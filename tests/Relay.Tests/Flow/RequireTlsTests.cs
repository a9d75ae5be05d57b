using Relay.Flow;
using Relay.Tests.Support;

namespace Relay.Tests.Flow;

/// <summary>Messages that require TLS all the way (RFC 8689), from the client's word to what becomes of them.</summary>
public sealed class RequireTlsTests
{
    [Fact]
    public async Task G19_what_cannot_go_in_TLS_comes_back_without_its_body_and_the_report_is_not_lost_for_the_same_reason()
    {
        await using EngineFixture relay = await StartAsync();
        await SendAsync(relay, "a@source.example", " REQUIRETLS RET=FULL");
        await relay.PassTimeUntil(() => relay.Log("bounced").Count == 1 && relay.Server.Mail.Count == 1, "the report");

        Assert.Equal("5.7.10", relay.Log("bounced").Single().GetProperty("reply").GetProperty("enhanced").GetString());
        string report = relay.Server.Mail.Single().Body;
        Assert.Contains("Status: 5.7.10", report, StringComparison.Ordinal);
        Assert.Contains("Subject: secret", report, StringComparison.Ordinal);
        Assert.DoesNotContain("nobody else may read", report, StringComparison.Ordinal);
        Assert.DoesNotContain(relay.Server.Commands, static c => c.StartsWith("RCPT TO:<u@dest.example>", StringComparison.Ordinal));
    }

    [Fact]
    public async Task G19_it_is_still_required_after_a_restart()
    {
        await using EngineFixture relay = await StartAsync();
        relay.Server.Reachable = static _ => false;
        await SendAsync(relay, "a@source.example", " REQUIRETLS");
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the first attempt");
        await relay.RestartAsync();
        relay.Server.Reachable = null;
        await relay.PassTimeUntil(() => relay.Log("bounced").Count == 1, "the second one", TimeSpan.FromSeconds(1));
        Assert.Equal("5.7.10", relay.Log("bounced").Single().GetProperty("reply").GetProperty("enhanced").GetString());
    }

    private static async Task<EngineFixture> StartAsync()
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Tls = OutboundTls.Opportunistic } };
        foreach (string domain in (string[])["dest.example", "source.example"])
        {
            relay.Dns.Mx(domain, (10, "mx." + domain)).Host("mx." + domain, "192.0.2.1");
        }

        return await relay.StartAsync();
    }

    private static async Task SendAsync(EngineFixture relay, string from, string parameters)
    {
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.SayAsync($"MAIL FROM:<{from}>{parameters}", "250");
        await client.SayAsync("RCPT TO:<u@dest.example>", "250");
        await client.SayAsync("DATA", "354");
        await client.SayAsync("Subject: secret\r\n\r\nwhat nobody else may read\r\n.", "250");
        await client.SayAsync("QUIT", "221");
    }
}

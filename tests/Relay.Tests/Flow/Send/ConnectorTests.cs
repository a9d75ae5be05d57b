using System.Net;
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
    public async Task L27_a_host_whose_TLS_breaks_is_spoken_to_in_clear_at_once_for_an_hour()
    {
        await using EngineFixture relay = Fixture(OutboundTls.Opportunistic);
        relay.Server.Extensions = ["STARTTLS"];
        relay.Server.Answer = line => line == "STARTTLS" ? "" : null;
        await relay.StartAsync();
        foreach ((int minutes, int message, int dials, int tries) in new[] { (0, 1, 2, 1), (30, 2, 3, 1), (61, 3, 5, 2), (10, 4, 6, 2) })
        {
            // Long enough for the connection before to be closed.
            DateTimeOffset then = relay.Time.GetUtcNow() + TimeSpan.FromMinutes(minutes);
            await relay.PassTimeUntil(() => relay.Time.GetUtcNow() >= then, "some time", TimeSpan.FromSeconds(10));
            await relay.SendAsync("s@source.example", ["a@dest.example"]);
            await Eventually.True(() => relay.Server.Mail.Count == message, "delivery in clear");
            Assert.Equal((dials, tries), (relay.Server.Dials, relay.Server.Commands.Count(static c => c == "STARTTLS")));
        }
    }

    [Fact]
    public async Task What_was_remembered_of_a_host_does_not_weaken_required_TLS()
    {
        await using EngineFixture relay = Fixture(OutboundTls.Opportunistic);
        relay.Server.Extensions = ["STARTTLS"];
        relay.Server.Answer = line => line == "STARTTLS" ? "" : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery in clear");

        relay.Engine.Apply(relay.Options with { Delivery = relay.Options.Delivery with { Tls = OutboundTls.Required } });
        await relay.SendAsync("s@source.example", ["b@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");

        Assert.Single(relay.Server.Mail);
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

    [Fact]
    public async Task Mail_leaves_from_the_source_of_its_pool_and_under_its_name()
    {
        await using EngineFixture relay = Fixture(OutboundTls.None);
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Egress = Pool(new EgressSource("a", IPAddress.Parse("198.51.100.1"), null, "a.example.net")) } };
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "delivery");
        Assert.All(relay.Server.Sources, static source => Assert.Equal(IPAddress.Parse("198.51.100.1"), source));
        Assert.Contains("EHLO a.example.net", relay.Server.Commands);
        Assert.Equal("198.51.100.1", relay.Log("delivered").Single().GetProperty("source").GetString());
    }

    [Fact]
    public async Task A_target_of_a_family_for_which_the_source_has_no_address_is_left_out()
    {
        await using EngineFixture relay = Fixture(OutboundTls.None);
        relay.Dns.Host("mx.dest.example", "2001:db8::1", "192.0.2.1");
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Egress = Pool(new EgressSource("a", IPAddress.Parse("198.51.100.1"), null, null)) } };
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        Assert.Equal("192.0.2.1", relay.Server.Mail.Single().Address.Address.ToString());
        Assert.Equal(1, relay.Server.Dials);
    }

    [Fact]
    public async Task A_source_that_fits_no_target_defers_the_message_and_says_why()
    {
        await using EngineFixture relay = Fixture(OutboundTls.None);
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Egress = Pool(new EgressSource("a", null, IPAddress.Parse("2001:db8::9"), null)) } };
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");
        JsonElement reply = relay.Log("deferred").Single().GetProperty("reply");
        Assert.Equal("4.3.5", reply.GetProperty("enhanced").GetString());
        Assert.Contains("source a has no address", reply.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, relay.Server.Dials);
    }

    [Fact]
    public async Task LMTP_is_greeted_with_LHLO_and_nothing_else()
    {
        await using EngineFixture relay = Fixture(OutboundTls.None);
        relay.Options = relay.Options with { Routes = [new RouteOptions { Domain = "*", NextHop = new NextHop(NextHopScheme.Lmtp, "/run/lmtp", 0) }] };
        relay.Server.Answer = line => line.StartsWith("LHLO", StringComparison.Ordinal) ? "502 5.5.1 what?" : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");
        Assert.Contains("LHLO relay.example.net", relay.Server.Commands);
        Assert.DoesNotContain(relay.Server.Commands, static c => c.Contains("ELO", StringComparison.Ordinal) || c.StartsWith("EHLO", StringComparison.Ordinal));
        Assert.Equal("/run/lmtp", relay.Log("deferred").Single().GetProperty("next_hop").GetProperty("host").GetString());
    }

    [Fact]
    public async Task A_blackhole_among_the_addresses_of_a_host_costs_a_quarter_of_a_second()
    {
        await using EngineFixture relay = Fixture(OutboundTls.None);
        relay.Dns.Host("mx.dest.example", "2001:db8::1", "192.0.2.1");
        bool other = false;
        relay.Server.Swallows = to =>
        {
            bool swallowed = to.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
            Volatile.Write(ref other, other || !swallowed);
            return swallowed;
        };
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await Eventually.True(() => relay.Server.Dials == 1, "the first address");
        // The clock is moved by whole head starts, so that what passes doesn't hang on the machine's load: one is enough, unless it passed before the race had begun to wait.
        int headStarts = 0;
        while (!Volatile.Read(ref other))
        {
            Assert.InRange(++headStarts, 1, 10);
            relay.Time.Advance(TimeSpan.FromMilliseconds(250));
            await Eventually.Within(() => Volatile.Read(ref other), TimeSpan.FromSeconds(1));
        }

        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery by the other address");
    }

    [Theory]
    [InlineData("PLAIN LOGIN", "AUTH PLAIN AHVzZXIAcGVuY2ls")]
    [InlineData("LOGIN X-OTHER", "AUTH LOGIN")]
    public async Task Credentials_are_given_by_the_strongest_mechanism_that_is_offered(string offered, string expected)
    {
        await using EngineFixture relay = Smarthost(OutboundTls.None, "198.51.100.7");
        relay.Server.Extensions = ["AUTH " + offered];
        relay.Server.Answer = static line => line.StartsWith("AUTH PLAIN", StringComparison.Ordinal) ? "235 2.7.0 welcome"
            : line.StartsWith("AUTH LOGIN", StringComparison.Ordinal) ? "334 VXNlcm5hbWU6"
            : line == "dXNlcg==" ? "334 UGFzc3dvcmQ6"
            : line == "cGVuY2ls" ? "235 2.7.0 welcome"
            : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await Eventually.True(() => relay.Server.Mail.Count == 1, "delivery");
        Assert.Contains(expected, relay.Server.Commands);
    }

    [Theory]
    [InlineData(ScramServer.Behaviour.Honest, true)]
    [InlineData(ScramServer.Behaviour.KnowsNoPassword, false)]
    [InlineData(ScramServer.Behaviour.ProvesNothing, false)]
    [InlineData(ScramServer.Behaviour.OtherNonce, false)]
    public async Task By_SCRAM_the_server_has_to_prove_that_it_knows_the_password_too(ScramServer.Behaviour behaviour, bool delivered)
    {
        await using EngineFixture relay = Smarthost(OutboundTls.None, "198.51.100.7");
        var scram = new ScramServer("user", "pencil", behaviour);
        relay.Server.Extensions = ["AUTH LOGIN PLAIN SCRAM-SHA-256"];
        relay.Server.Answer = scram.Answer;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log(delivered ? "delivered" : "deferred").Count == 1, "the outcome", TimeSpan.FromMilliseconds(1));
        Assert.Equal(delivered ? 1 : 0, relay.Server.Mail.Count);
        Assert.DoesNotContain(relay.Server.Commands, static c => c.Contains("cGVuY2ls", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("535 5.7.8 who are you?")]
    [InlineData("454 4.7.0 not now")]
    public async Task Credentials_that_are_refused_make_the_mail_wait_and_never_bounce(string refusal)
    {
        await using EngineFixture relay = Smarthost(OutboundTls.None, "198.51.100.7");
        relay.Server.Extensions = ["AUTH PLAIN"];
        relay.Server.Answer = line => line.StartsWith("AUTH", StringComparison.Ordinal) ? refusal : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("deferred").Count == 1, "the deferral");
        JsonElement reply = relay.Log("deferred").Single().GetProperty("reply");
        Assert.Equal("4.7.8", reply.GetProperty("enhanced").GetString());
        Assert.Contains(refusal, reply.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain(relay.Server.Commands, static c => c.StartsWith("MAIL", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("198.51.100.7", false)]
    [InlineData("127.0.0.1", true)]
    public async Task A_password_goes_out_in_clear_only_on_this_machine_unless_TLS_is_switched_off(string host, bool delivered)
    {
        await using EngineFixture relay = Smarthost(OutboundTls.Opportunistic, host);
        relay.Server.Extensions = ["AUTH PLAIN"];
        relay.Server.Answer = static line => line.StartsWith("AUTH", StringComparison.Ordinal) ? "235 2.7.0 welcome" : null;
        await relay.StartAsync();
        await relay.SendAsync("s@source.example", ["a@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log(delivered ? "delivered" : "deferred").Count == 1, "the outcome");
        Assert.Equal(delivered, relay.Server.Commands.Any(static c => c.StartsWith("AUTH", StringComparison.Ordinal)));
        if (!delivered)
        {
            Assert.Equal("4.7.11", relay.Log("deferred").Single().GetProperty("reply").GetProperty("enhanced").GetString());
        }
    }

    private static EgressPool Pool(EgressSource source) => new("p", [new EgressShare(source, 1)]);

    private static EngineFixture Smarthost(OutboundTls tls, string host)
    {
        EngineFixture relay = Fixture(tls);
        var hop = new NextHop(NextHopScheme.Smtp, host, 2526);
        relay.Options = relay.Options with
        {
            Routes = [new RouteOptions { Domain = "*", NextHop = hop, Tls = tls, Credentials = new HopCredentials("user", "pencil") }],
            // The scripted exchanges are one at a time.
            Delivery = relay.Options.Delivery with { Limits = new SiteLimitOptions { Connections = 1 } },
        };
        return relay;
    }

    private static EngineFixture Fixture(OutboundTls tls)
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with { Delivery = relay.Options.Delivery with { Tls = tls } };
        relay.Dns.Mx("dest.example", (10, "mx.dest.example")).Host("mx.dest.example", "192.0.2.1");
        return relay;
    }
}

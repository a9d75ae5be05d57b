using System.Net;
using Microsoft.Extensions.Logging;
using Relay.Daemon.Configuration;
using Relay.Flow;
using Relay.Flow.Accept;
using Relay.Spool;

namespace Relay.Daemon.Tests.Configuration;

public sealed class ConfigValueTests
{
    [Fact]
    public void An_empty_file_is_the_embedded_default()
    {
        DaemonOptions options = Config.Valid("", "/work");
        ListenerOptions listener = Assert.Single(options.Engine.Listeners);
        Assert.Equal(new ListenerOptions { EndPoint = new IPEndPoint(IPAddress.Loopback, 2525), Role = ListenerRole.Relay, Tls = ListenerTls.StartTls }, listener);
        Assert.Equal(new SpoolOptions { Paths = ["/work/spool"], Durability = Durability.Sync }, options.Engine.Spool);
        Assert.Equal("/work/deliveries.jsonl", options.Engine.DeliveryLogPath);
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 8025), options.Admin.EndPoint);
        Assert.Equal(LogLevel.Information, options.Log.Level);
        Assert.Equal([IPNetwork.Parse("127.0.0.0/8"), IPNetwork.Parse("::1/128")], options.Engine.Access.RelayFrom);
        Assert.Empty(options.Engine.Access.RelayDomains);
        Assert.Empty(options.Engine.Routes);
        Assert.Equal(new LimitOptions(), options.Engine.Limits);
        Assert.NotEmpty(options.Engine.Hostname);
    }

    [Fact]
    public void Every_key_reaches_its_option()
    {
        DaemonOptions options = Config.Valid("""
            hostname = "Relay.Example.NET"

            [spool]
            path = "mail/spool"
            durability = "os"

            [[listener]]
            address = "0.0.0.0:25"

            [[listener]]
            address = "[2001:db8::1]:465"
            role = "submission"
            tls = "implicit"

            [access]
            relay_from = ["10.0.0.0/8", "192.0.2.7/32", "fc00::/7"]
            relay_domains = ["Example.net", "bücher.example"]
            postmaster = "Hans@example.net"

            [limits]
            message_size = "10MB"
            recipients = 100
            connections = 5000
            connections_per_address = 20
            command_timeout = "250ms"
            data_timeout = "4h"
            errors = 5

            [dns]
            servers = ["127.0.0.1:53", "[::1]:5353"]
            trust_ad = true
            reverse = false

            [delivery]
            port = 2525
            tls = "verified"
            retry = ["1m", "1h"]
            expire = "4d"
            ip = "6"
            connections = 40
            messages_per_connection = 500
            rate = "1000/1h"
            recipients_per_message = 20
            pipeline_depth = 4
            egress = "both"
            dane = false
            mta_sts = false
            mta_sts_port = 8443

            [[tls_policy]]
            domain = "*.Bank.example"
            tls = "required"

            [delivery.timeouts]
            connect = "1s"
            tls = "2s"
            greeting = "3s"
            command = "4s"
            data = "5s"
            body = "6s"
            end_of_data = "7s"

            [[route]]
            domain = "*.Internal.example"
            next_hop = "smtp://10.0.0.5"
            tls = "required"

            [[route]]
            domain = "*"
            next_hop = "smtps://[2001:db8::2]:4650"

            [[limit]]
            domain = "*.Strict.example"
            connections = 2
            messages_per_connection = 10

            [[limit]]
            mx = "mx.example.net"
            rate = "10/1s"
            recipients_per_message = 5

            [[source]]
            name = "one"
            address4 = "192.0.2.7"
            hostname = "one.example.net"

            [[source]]
            name = "two"
            address6 = "2001:db8::7"

            [[pool]]
            name = "both"
            sources = ["one", "two:3"]

            [[tenant]]
            name = "shop"
            networks = ["10.1.0.0/16"]
            weight = 4
            egress = "one"

            [admin]
            address = "127.0.0.1:0"

            [log]
            level = "debug"
            deliveries = ""
            """);
        EngineOptions engine = options.Engine;
        Assert.Equal("relay.example.net", engine.Hostname);
        Assert.Equal(new SpoolOptions { Paths = ["/etc/relay/mail/spool"], Durability = Durability.Os }, engine.Spool);
        Assert.Equal(
        [
            new ListenerOptions { EndPoint = IPEndPoint.Parse("0.0.0.0:25") },
            new ListenerOptions { EndPoint = IPEndPoint.Parse("[2001:db8::1]:465"), Role = ListenerRole.Submission, Tls = ListenerTls.Implicit },
        ], engine.Listeners);
        Assert.Equal([IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("192.0.2.7/32"), IPNetwork.Parse("fc00::/7")], engine.Access.RelayFrom);
        Assert.Equal(["bücher.example", "example.net"], engine.Access.RelayDomains.Order(StringComparer.Ordinal));
        Assert.Equal("hans@example.net", engine.Access.Postmaster);
        Assert.Null(engine.Access.Recipients);
        Assert.Equal(new LimitOptions
        {
            MessageSize = 10_000_000,
            Recipients = 100,
            Connections = 5000,
            ConnectionsPerAddress = 20,
            CommandTimeout = TimeSpan.FromMilliseconds(250),
            DataTimeout = TimeSpan.FromHours(4),
            Errors = 5,
        }, engine.Limits);
        Assert.Equal([IPEndPoint.Parse("127.0.0.1:53"), IPEndPoint.Parse("[::1]:5353")], engine.Dns.Servers);
        Assert.True(engine.Dns.TrustAuthenticData);
        Assert.False(engine.Dns.Reverse);
        Assert.Equal((2525, OutboundTls.Verified, TimeSpan.FromDays(4), IpFamilies.Ipv6), (engine.Delivery.Port, engine.Delivery.Tls, engine.Delivery.Expire, engine.Delivery.Ip));
        Assert.Equal([TimeSpan.FromMinutes(1), TimeSpan.FromHours(1)], engine.Delivery.Retry);
        Assert.Equal(new DeliveryTimeouts
        {
            Connect = TimeSpan.FromSeconds(1),
            Tls = TimeSpan.FromSeconds(2),
            Greeting = TimeSpan.FromSeconds(3),
            Command = TimeSpan.FromSeconds(4),
            Data = TimeSpan.FromSeconds(5),
            Body = TimeSpan.FromSeconds(6),
            EndOfData = TimeSpan.FromSeconds(7),
        }, engine.Delivery.Timeouts);
        Assert.Equal(
        [
            new RouteOptions { Domain = "*.internal.example", NextHop = new NextHop(NextHopScheme.Smtp, "10.0.0.5", 25), Tls = OutboundTls.Required },
            new RouteOptions { Domain = "*", NextHop = new NextHop(NextHopScheme.Smtps, "2001:db8::2", 4650) },
        ], engine.Routes);
        Assert.Equal(new SiteLimitOptions { Connections = 40, MessagesPerConnection = 500, Rate = new Rate(1000, TimeSpan.FromHours(1)), RecipientsPerMessage = 20 }, engine.Delivery.Limits);
        Assert.Equal(4, engine.Delivery.PipelineDepth);
        Assert.Equal((false, false, 8443), (engine.Delivery.Dane, engine.Delivery.MtaSts, engine.Delivery.StsPort));
        Assert.Equal([new TlsRule { Domain = "*.bank.example", Tls = OutboundTls.Required }], engine.Delivery.TlsRules);
        Assert.Equal(
        [
            new LimitRule { Domain = "*.strict.example", Connections = 2, MessagesPerConnection = 10 },
            new LimitRule { Mx = "mx.example.net", Rate = new Rate(10, TimeSpan.FromSeconds(1)), RecipientsPerMessage = 5 },
        ], engine.Delivery.LimitRules);
        Assert.Equal(["one", "two"], engine.Sources.Select(static s => s.Name));
        EgressPool pool = Assert.Single(engine.Pools);
        Assert.Equal([("one", 1), ("two", 3)], pool.Shares.Select(static s => (s.Source.Name, s.Weight)));
        Assert.Equal(pool, engine.Delivery.Egress);
        TenantOptions tenant = Assert.Single(engine.Tenants);
        Assert.Equal("one.example.net", Assert.Single(tenant.Egress!.Shares).Source.Hostname);
        Assert.Equal(("shop", IPNetwork.Parse("10.1.0.0/16"), 4), (tenant.Name, Assert.Single(tenant.Networks), tenant.Weight));
        Assert.Equal(IPEndPoint.Parse("127.0.0.1:0"), options.Admin.EndPoint);
        Assert.Equal(LogLevel.Debug, options.Log.Level);
        Assert.Null(engine.DeliveryLogPath);
    }

    [Fact]
    public void A_section_may_be_written_inline_or_dotted_or_in_pieces()
    {
        DaemonOptions options = Config.Valid("""
            limits.errors = 7
            dns = { reverse = false }
            listener = [{ address = "127.0.0.1:1" }, { address = "127.0.0.1:2" }]
            [delivery.timeouts]
            body = "9s"
            [delivery]
            port = 26
            """);
        Assert.Equal(7, options.Engine.Limits.Errors);
        Assert.False(options.Engine.Dns.Reverse);
        Assert.Equal([1, 2], options.Engine.Listeners.Select(static l => l.EndPoint.Port));
        Assert.Equal((26, TimeSpan.FromSeconds(9)), (options.Engine.Delivery.Port, options.Engine.Delivery.Timeouts.Body));
    }

    [Fact]
    public void Listeners_may_stand_apart()
    {
        DaemonOptions options = Config.Valid("[[listener]]\naddress = \"127.0.0.1:1\"\n[limits]\nerrors = 3\n[[listener]]\naddress = \"127.0.0.1:2\"");
        Assert.Equal([1, 2], options.Engine.Listeners.Select(static l => l.EndPoint.Port));
    }

    [Fact]
    public void A_variable_of_the_environment_is_put_in()
    {
        DaemonOptions options = Config.Valid("hostname = \"${HOST}.${DOMAIN}\"\n[limits]\ncommand_timeout = \"${T}\"",
            environment: static name => name switch { "HOST" => "mx1", "DOMAIN" => "example.net", "T" => "7s", _ => null });
        Assert.Equal("mx1.example.net", options.Engine.Hostname);
        Assert.Equal(TimeSpan.FromSeconds(7), options.Engine.Limits.CommandTimeout);
    }

    [Theory]
    [InlineData("250ms", 250)]
    [InlineData("30s", 30_000)]
    [InlineData("5m", 300_000)]
    [InlineData("4h", 14_400_000)]
    [InlineData("5d", 432_000_000)]
    [InlineData("0s", 0)]
    public void A_duration_is_a_number_and_a_unit(string text, long milliseconds)
    {
        Assert.Null(DurationText.Parse(text, out TimeSpan value));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), value);
        Assert.Null(DurationText.Parse(DurationText.Format(value), out TimeSpan again));
        Assert.Equal(value, again);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("m")]
    [InlineData("-5m")]
    [InlineData("+5m")]
    [InlineData("5 m")]
    [InlineData("5M")]
    [InlineData("1.5h")]
    [InlineData("1h30m")]
    [InlineData("٥m")]
    [InlineData("99999999999999999999d")]
    [InlineData("9999999999999d")]
    public void What_is_no_duration_is_refused(string text) => Assert.Contains("is not a duration", DurationText.Parse(text, out _), StringComparison.Ordinal);

    [Theory]
    [InlineData("25MiB", 26_214_400)]
    [InlineData("1KiB", 1024)]
    [InlineData("10MB", 10_000_000)]
    [InlineData("1GiB", 1_073_741_824)]
    [InlineData("3KB", 3000)]
    [InlineData("1GB", 1_000_000_000)]
    [InlineData("4096", 4096)]
    [InlineData("5B", 5)]
    public void A_size_is_a_number_and_a_unit(string text, long octets)
    {
        Assert.Null(SizeText.Parse(text, out long value));
        Assert.Equal(octets, value);
        Assert.Null(SizeText.Parse(SizeText.Format(value), out long again));
        Assert.Equal(value, again);
    }

    [Theory]
    [InlineData("")]
    [InlineData("MiB")]
    [InlineData("-1")]
    [InlineData("1.5MiB")]
    [InlineData("1mib")]
    [InlineData("1 MiB")]
    [InlineData("9999999999GiB")]
    public void What_is_no_size_is_refused(string text) => Assert.Contains("is not a size", SizeText.Parse(text, out _), StringComparison.Ordinal);

    [Fact]
    public void A_size_may_be_a_plain_number() => Assert.Equal(70000, Config.Valid("[limits]\nmessage_size = 70000").Engine.Limits.MessageSize);

    [Theory]
    [InlineData("0.0.0.0:25")]
    [InlineData("[::]:25")]
    [InlineData("127.0.0.1:0")]
    [InlineData("[2001:db8::1]:65535")]
    public void An_end_point_is_an_address_and_a_port(string text)
    {
        Assert.Null(AddressText.ParseEndPoint(text, 0, out IPEndPoint value));
        Assert.Equal(text, value.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("25")]
    [InlineData(":25")]
    [InlineData("localhost:25")]
    [InlineData("127.1:25")]
    [InlineData("010.0.0.1:25")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:")]
    [InlineData("127.0.0.1:65536")]
    [InlineData("127.0.0.1: 25")]
    [InlineData("127.0.0.1:-1")]
    [InlineData("[127.0.0.1]:25")]
    [InlineData("::1:25")]
    [InlineData("[::1]")]
    [InlineData("[fe80::1%eth0]:25")]
    public void What_is_no_end_point_is_refused(string text) => Assert.NotNull(AddressText.ParseEndPoint(text, 0, out _));

    [Theory]
    [InlineData("10.0.0.0/8", null)]
    [InlineData("0.0.0.0/0", null)]
    [InlineData("192.0.2.1/32", null)]
    [InlineData("2001:db8::/32", null)]
    [InlineData("10.0.0.1/8", "\"10.0.0.1/8\" has bits set behind its prefix: write \"10.0.0.0/8\"")]
    [InlineData("2001:db8::1/33", "\"2001:db8::1/33\" has bits set behind its prefix: write \"2001:db8::/33\"")]
    [InlineData("192.0.2.1", "\"192.0.2.1\" is a single address: write \"192.0.2.1/32\"")]
    [InlineData("::1", "\"::1\" is a single address: write \"::1/128\"")]
    [InlineData("10.0.0.0/33", "\"10.0.0.0/33\" has no prefix length from 0 to 32 behind the slash")]
    [InlineData("10.0.0.0/255.0.0.0", "\"10.0.0.0/255.0.0.0\" has no prefix length from 0 to 32 behind the slash")]
    [InlineData("10/8", "\"10/8\" is not a network: write it like \"10.0.0.0/8\" or \"2001:db8::/32\"")]
    [InlineData("::ffff:10.0.0.0/104", "\"::ffff:10.0.0.0/104\" is an IPv4 network in IPv6 clothes: write it as IPv4")]
    public void A_network_has_nothing_behind_its_prefix(string text, string? error) => Assert.Equal(error, AddressText.ParseNetwork(text, out _));

    [Theory]
    [InlineData("example.net", true)]
    [InlineData("a-b.c1.example", true)]
    [InlineData("localhost", true)]
    [InlineData("bücher.example", true)]
    [InlineData("", false)]
    [InlineData("example.net.", false)]
    [InlineData(".example.net", false)]
    [InlineData("a..b", false)]
    [InlineData("-a.example", false)]
    [InlineData("a-.example", false)]
    [InlineData("a_b.example", false)]
    [InlineData("a b.example", false)]
    [InlineData("192.0.2.1", false)]
    [InlineData("*.example.net", false)]
    [InlineData("a@b.example", false)]
    public void A_domain_is_made_of_labels(string text, bool valid) => Assert.Equal(valid, DomainText.Parse(text, true, out _) is null);

    [Theory]
    [InlineData("hostnmae", "hostname")]
    [InlineData("relay_domain", "relay_domains")]
    [InlineData("retyr", "retry")]
    [InlineData("zzz", null)]
    public void The_nearest_word_is_found_or_none(string word, string? nearest) => Assert.Equal(nearest, Suggestion.Nearest(word, ["hostname", "relay_domains", "relay_from", "retry"]));
}

using Relay.Daemon.Configuration;

namespace Relay.Daemon.Tests.Configuration;

public sealed class ConfigPrinterTests
{
    [Fact]
    public void The_default_prints_every_key_that_has_a_value()
    {
        string printed = ConfigPrinter.Print(Config.Valid("hostname = \"relay.example\"", "/work"));
        Assert.StartsWith("""
            hostname = "relay.example"
            state = "/work/state"

            [spool]
            path = "/work/spool"
            durability = "sync"
            segment_size = "64MiB"
            messages_in_memory = 1000000

            [[listener]]
            address = "127.0.0.1:2525"
            role = "relay"
            tls = "starttls"
            client_certificate = "none"
            proxy_from = []

            [tls]
            profile = "intermediate"

            [access]
            relay_from = ["127.0.0.0/8", "::1/128"]
            relay_domains = []
            check_domains = false
            relay_certificates = []
            blocked = []
            xclient_from = []

            [limits]
            message_size = "25MiB"

            """, printed, StringComparison.Ordinal);
        Assert.Contains("retry = [\"5m\", \"10m\", \"20m\", \"40m\", \"1h\", \"2h\", \"4h\"]\nexpire = \"5d\"\n", printed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("""
        hostname = "a.example"
        [spool]
        paths = ['a "b" \c', "/other"]
        durability = "os"
        [[listener]]
        address = "[::]:25"
        [[listener]]
        address = "127.0.0.1:587"
        role = "submission"
        tls = "none"
        proxy_from = ["192.0.2.0/24"]
        [access]
        relay_from = []
        xclient_from = ["192.0.2.0/24"]
        dovecot_auth = "unix:run/auth-client"
        relay_domains = ["b.example", "a.example"]
        postmaster = "p@a.example"
        [submission]
        messages_per_hour = 100
        recipients_per_day = 1000
        message_size = "1MiB"
        senders = ["{user}@example.net", "*@example.org"]
        [limits]
        message_size = 26214401
        command_timeout = "90s"
        [smtp]
        binarymime = true
        max_hold = "0s"
        [dns]
        servers = ["127.0.0.1:53"]
        [delivery]
        ip = "4"
        dane = false
        mta_sts = false
        connections = 7
        messages_per_connection = 100
        rate = "100/1m"
        recipients_per_message = 50
        pipeline_depth = 1
        expire = "36h"
        [delivery.timeouts]
        connect = "1500ms"
        [[route]]
        domain = "*"
        next_hop = "smtp://[::1]:2526"
        tls = "verified"
        [tls_reports]
        contact = "tls@a.example"
        organization = "A & B"
        [[tls_policy]]
        domain = "*.bank.example"
        tls = "verified"
        [[limit]]
        domain = "*.a.example"
        connections = 1
        messages_per_connection = 0
        [[limit]]
        mx = "*.google.com"
        rate = "10/1s"
        recipients_per_message = 10
        [[tenant]]
        name = "shop"
        networks = ["10.1.0.0/16", "2001:db8::/32"]
        weight = 3
        [[tenant]]
        name = "default"
        egress = "one"
        [[source]]
        name = "one"
        address4 = "192.0.2.7"
        [log]
        deliveries = ""
        """)]
    public void What_is_printed_parses_back_to_the_same(string text)
    {
        DaemonOptions options = Config.Valid(text, "/work");
        string printed = ConfigPrinter.Print(options);
        DaemonOptions again = Config.Valid(printed, "/elsewhere");
        Assert.Equal(printed, ConfigPrinter.Print(again));
        Assert.Equal(options.Engine.Hostname, again.Engine.Hostname);
        Assert.Equal(options.Engine.Spool, again.Engine.Spool);
        Assert.Equal(options.Engine.Listeners, again.Engine.Listeners);
        Assert.Equal(options.Engine.Access.RelayFrom, again.Engine.Access.RelayFrom);
        Assert.Equal(options.Engine.Access.RelayDomains, again.Engine.Access.RelayDomains);
        Assert.Equal(options.Engine.Access.Postmaster, again.Engine.Access.Postmaster);
        Assert.Equal(options.Engine.Limits, again.Engine.Limits);
        Assert.Equal(options.Engine.Smtp, again.Engine.Smtp);
        Assert.Equal(options.Engine.Dns.Servers, again.Engine.Dns.Servers);
        Assert.Equal(options.Engine.Delivery.Retry, again.Engine.Delivery.Retry);
        Assert.Equal(options.Engine.Delivery.LimitRules, again.Engine.Delivery.LimitRules);
        Assert.Equal(options.Engine.Delivery.TlsRules, again.Engine.Delivery.TlsRules);
        Assert.Equal(options.Engine.TlsReports, again.Engine.TlsReports);
        Assert.Equal(options.Engine.StatePath, again.Engine.StatePath);
        Assert.Equal(options.Engine.Delivery with { Retry = [], LimitRules = [], TlsRules = [] }, again.Engine.Delivery with { Retry = [], LimitRules = [], TlsRules = [] });
        Assert.Equal(options.Engine.Tenants.Select(static t => (t.Name, t.Weight)), again.Engine.Tenants.Select(static t => (t.Name, t.Weight)));
        Assert.Equal(options.Engine.Tenants.SelectMany(static t => t.Networks), again.Engine.Tenants.SelectMany(static t => t.Networks));
        Assert.Equal(options.Engine.Routes, again.Engine.Routes);
        Assert.Equal(options.Engine.DeliveryLogPath, again.Engine.DeliveryLogPath);
        Assert.Equal(options.Admin, again.Admin);
        Assert.Equal(options.Log, again.Log);
    }
}

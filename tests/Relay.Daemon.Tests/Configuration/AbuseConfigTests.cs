using System.Net;
using Relay.Daemon.Configuration;
using Relay.Flow;
using Relay.Flow.Abuse;

namespace Relay.Daemon.Tests.Configuration;

/// <summary>[abuse], [[dnsbl]] and the files of networks.</summary>
public sealed class AbuseConfigTests : IDisposable
{
    private const string All = """
        [abuse]
        enabled = false
        allow = ["192.0.2.0/24"]
        ban_trusted = true
        failed_logins = "5/1m"
        login_delay = "2s"
        unknown_recipients = "20/5m"
        refused_commands = "30/6m"
        connection_rate = "100/1m"
        network_factor = 4
        ban = "1m"
        ban_max = "1h"
        greet_delay = "6s"
        dnsbl_threshold = 3
        dnsbl_action = "mark"
        dnsbl_submission = true
        dnsbl_wait = "2s"

        [[dnsbl]]
        zone = "zen.example"
        weight = 3
        answers = ["127.0.0.[2..11]"]

        [[dnsbl]]
        zone = "good.example"
        weight = -2
        answers = []

        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("relay-config-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    public void Every_key_reaches_its_option_and_is_printed_as_it_was_read()
    {
        DaemonOptions options = Config.Valid(All);
        AbuseOptions abuse = options.Engine.Abuse;
        Assert.Equal(
            new AbuseOptions
            {
                Enabled = false,
                Allow = abuse.Allow,
                BanTrusted = true,
                Logins = new Rate(5, TimeSpan.FromMinutes(1)),
                LongestDelay = TimeSpan.FromSeconds(2),
                Recipients = new Rate(20, TimeSpan.FromMinutes(5)),
                Commands = new Rate(30, TimeSpan.FromMinutes(6)),
                Connections = new Rate(100, TimeSpan.FromMinutes(1)),
                NetworkFactor = 4,
                Ban = TimeSpan.FromMinutes(1),
                LongestBan = TimeSpan.FromHours(1),
                GreetDelay = TimeSpan.FromSeconds(6),
                Lists = abuse.Lists,
                ListThreshold = 3,
                ListsOnlyMark = true,
                ListsOnSubmission = true,
                ListWait = TimeSpan.FromSeconds(2),
            },
            abuse);
        Assert.Equal([IPNetwork.Parse("192.0.2.0/24")], abuse.Allow);
        Assert.Equal(
            [new DnsListOptions { Zone = "zen.example", Weight = 3, Answers = [DnsListAnswers.Parse("127.0.0.[2..11]")!] }, new DnsListOptions { Zone = "good.example", Weight = -2 }], abuse.Lists);
        Assert.Contains(All.Trim(), ConfigPrinter.Print(options), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_word_of_it_strangers_are_counted_and_nobody_is_looked_up_or_kept_waiting()
    {
        AbuseOptions abuse = Config.Valid("").Engine.Abuse;
        Assert.True(abuse.Enabled);
        Assert.Equal(new Rate(10, TimeSpan.FromMinutes(10)), abuse.Logins);
        Assert.Equal((TimeSpan.Zero, false, 0), (abuse.GreetDelay, abuse.BanTrusted, abuse.Lists.Count));
        Assert.Null(abuse.Connections);
    }

    [Theory]
    [InlineData("[abuse]\nban = \"2h\"\nban_max = \"1h\"", "relay.toml:3:11: ban_max is shorter than ban: the longest ban can't be shorter than the first")]
    [InlineData("[abuse]\ngreet_delay = \"5m\"", "relay.toml:2:15: \"5m\" is out of range: write a duration from \"0ms\" to \"1m\"")]
    [InlineData("[abuse]\ndnsbl_action = \"drop\"", "relay.toml:2:16: \"drop\" is not one of \"refuse\", \"mark\"")]
    [InlineData("[[dnsbl]]\nweight = 2", "relay.toml:1:1: this [[dnsbl]] has no zone: write zone = … (domain)")]
    [InlineData("[[dnsbl]]\nzone = \"a.test\"\nanswers = [\"127.0.0.[2\"]", "relay.toml:3:12: \"127.0.0.[2\" is no answer of a list: write it like \"127.0.0.2\" or \"127.0.0.[2..4;9]\"")]
    [InlineData("[[dnsbl]]\nzone = \"a.test\"\n[[dnsbl]]\nzone = \"a.test\"", "relay.toml:4:8: a.test stands there twice with the same answers: one of them is enough")]
    public void What_cannot_be_is_told_with_its_place(string text, string error) => Assert.Equal(error, Config.Error(text));

    [Fact]
    public void Files_of_networks_are_read_with_comments_and_single_addresses()
    {
        File.WriteAllText(Path.Combine(_folder, "allow"), "# ours\n\n192.0.2.0/24   # a /24\n198.51.100.7\n2001:db8::/32\n");
        AbuseOptions abuse = Config.Valid("[abuse]\nallow_file = \"allow\"", _folder).Engine.Abuse;
        Assert.Equal(24, abuse.AllowedByFile.Narrowest(IPAddress.Parse("192.0.2.9")));
        Assert.Equal(32, abuse.AllowedByFile.Narrowest(IPAddress.Parse("198.51.100.7")));
        Assert.Equal(32, abuse.AllowedByFile.Narrowest(IPAddress.Parse("2001:db8::7")));
        Assert.Equal(-1, abuse.AllowedByFile.Narrowest(IPAddress.Parse("198.51.100.8")));
    }

    [Fact]
    public void What_is_no_network_in_a_file_is_told_with_its_line()
    {
        File.WriteAllText(Path.Combine(_folder, "deny"), "192.0.2.0/24\n  192.0.2.1/24\nexample.com # no name\n");
        Assert.Equal(
        [
            $"{_folder}/deny:2:3: \"192.0.2.1/24\" has bits set behind its prefix: write \"192.0.2.0/24\"",
            $"{_folder}/deny:3:1: \"example.com\" is not a network: write it like \"10.0.0.0/8\" or \"2001:db8::/32\"",
        ], Config.Errors("[abuse]\ndeny_file = \"deny\"", _folder));
        Assert.Equal($"relay.toml:2:14: there is no file {_folder}/none", Config.Error("[abuse]\nallow_file = \"none\"", _folder));
    }
}

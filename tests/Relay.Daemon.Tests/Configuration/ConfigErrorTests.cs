using Relay.Daemon.Configuration;

namespace Relay.Daemon.Tests.Configuration;

public sealed class ConfigErrorTests
{
    [Fact]
    public void A_wrong_file_reports_all_its_errors_at_once_in_order_with_line_and_column() => Assert.Equal(
    [
        "relay.toml:1:12: \"-bad-.example\" is not a domain name: a name is made of labels with 1 to 63 letters, digits and hyphens, like \"mail.example.net\"",
        "relay.toml:4:14: \"synk\" is not one of \"sync\", \"os\": did you mean \"sync\"?",
        "relay.toml:7:11: \"0.0.0.0\" has no port: write \"0.0.0.0:25\"",
        "relay.toml:8:7: one of \"none\", \"starttls\", \"implicit\" is expected here, not true or false",
        "relay.toml:10:1: this [[listener]] has no address: write address = … (address and port)",
        "relay.toml:14:15: \"10.1.2.3/8\" has bits set behind its prefix: write \"10.0.0.0/8\"",
        "relay.toml:14:29: \"0.0.0.0/0\" would make this an open relay: list the networks of your own clients, each with a prefix of /8 or longer",
        "relay.toml:17:16: 0 octets are out of range: write a size from \"64KiB\" to \"2GiB\"",
        "relay.toml:18:14: a number without quotes is expected here, not a string",
        "relay.toml:19:1: unknown key comand_timeout in [limits]: did you mean command_timeout?",
        "relay.toml:22:16: \"5 minutes\" is not a duration: write a whole number and ms, s, m, h or d, like \"30s\" or \"5m\"",
        "relay.toml:24:2: unknown section limts at the top of the file: did you mean limits?",
    ], Config.Errors("""
        hostname = "-bad-.example"

        [spool]
        durability = "synk"

        [[listener]]
        address = "0.0.0.0"
        tls = true

        [[listener]]
        role = "relay"

        [access]
        relay_from = ["10.1.2.3/8", "0.0.0.0/0"]

        [limits]
        message_size = 0
        recipients = "1000"
        comand_timeout = "5m"

        [delivery]
        retry = ["5m", "5 minutes"]

        [limts]
        errors = 3
        """));

    [Theory]
    [InlineData("[[listener]]\naddress = \"127.0.0.1:587\"\nrole = \"submission\"\ntls = \"none\"", "relay.toml:4:7: nobody could log in there: users do so inside TLS only; write tls = \"starttls\" or \"implicit\", or name in xclient_from the proxies that do it for them")]
    [InlineData("[access]\ndovecot_auth = \"/run/dovecot/auth-client\"", "relay.toml:2:16: \"/run/dovecot/auth-client\" is no socket: write it like \"unix:/run/dovecot/auth-client\"")]
    [InlineData("[oauth]\nissuer = \"https://a.example\"\naudience = [\"x\"]\njwks = \"https://a.example/jwks\"", "relay.toml:2:10: [oauth] is for those in a users file: name one as users in [access]")]
    [InlineData("[access]\ndovecot_auth = \"unix:a\"\n[oauth]\nissuer = \"https://a.example\"\naudience = [\"x\"]\njwks = \"https://a.example/jwks\"", "relay.toml:4:10: with dovecot_auth it is Dovecot that looks at tokens (its passdb oauth2): leave [oauth] out")]
    [InlineData("[oauth]\njwks = \"http://a.example/jwks\"\naudience = [\"x\"]\nissuer = \"a\"", "relay.toml:2:8: \"http://a.example/jwks\" is no URL with https://")]
    [InlineData("[oauth]\nalgorithms = [\"HS256\"]", "relay.toml:2:15: \"HS256\" is not one of \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\", \"ES256\", \"ES384\", \"ES512\": did you mean \"RS256\"?")]
    [InlineData("[oauth]\nalgorithms = [\"none\"]", "relay.toml:2:15: \"none\" is not one of \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\", \"ES256\", \"ES384\", \"ES512\"")]
    [InlineData("[submission]\nsenders = [\"{user}\"]", "relay.toml:2:12: \"{user}\" is not an address, \"*@domain\", \"*@*.domain\" or \"{user}@domain\"")]
    [InlineData("[submission]\nmessages_per_hour = -1", "relay.toml:2:21: -1 is out of range: write a number from 0 to 1000000")]
    public void How_users_log_in_is_said_so_that_it_can_be(string text, string error) => Assert.Contains(error, Config.Errors(text));

    [Theory]
    [InlineData("path = \"a\"\npaths = [\"b\"]", "relay.toml:3:9: path and paths say the same thing: write path for one folder, or paths for several")]
    [InlineData("paths = []", "relay.toml:2:9: the list is empty: at least one entry is needed")]
    [InlineData("paths = [\"a\", \"b\", \"a/\"]", "relay.toml:2:9: /etc/relay/a stands there twice: each folder stands for itself, best on a disk of its own")]
    [InlineData("paths = [\"a/b\", \"ab\", \"a\"]", "relay.toml:2:9: of /etc/relay/a/b and /etc/relay/a one lies within the other: each folder stands for itself, best on a disk of its own")]
    public void Folders_of_the_spool_are_given_in_one_way_and_apart(string text, string error) => Assert.Equal(error, Config.Error("[spool]\n" + text));

    [Theory]
    [InlineData("hostnam = \"a.example\"", "relay.toml:1:1: unknown key hostnam at the top of the file: did you mean hostname?")]
    [InlineData("[delivery]\nretires = []", "relay.toml:2:1: unknown key retires in [delivery]: did you mean retry?")]
    [InlineData("[delivery]\ntimeout = 3", "relay.toml:2:1: unknown key timeout in [delivery]: did you mean timeouts?")]
    [InlineData("message_size = \"1MiB\"", "relay.toml:1:1: unknown key message_size at the top of the file: it belongs into [limits]")]
    [InlineData("[log]\nhostname = \"a\"", "relay.toml:2:1: unknown key hostname in [log]: it belongs at the top of the file")]
    [InlineData("[admin]\ncolour = \"x\"", "relay.toml:2:1: unknown key colour in [admin]: known here are address, token")]
    [InlineData("[[route]]\ndomain = \"*\"\nnext_hop = \"smtp://a.example\"\nlogin = \"x\"", "relay.toml:4:1: unknown key login in [[route]]: known here are domain, next_hop, tls, user, password, egress")]
    public void An_unknown_key_is_an_error_with_the_nearest_known_one(string text, string error) => Assert.Equal(error, Config.Error(text));

    [Theory]
    [InlineData("spool = 3", "relay.toml:1:1: spool is a section: write [spool] and its keys below")]
    [InlineData("[[spool]]\npath = \"x\"", "relay.toml:1:3: spool is a section: write [spool] and its keys below")]
    [InlineData("[listener]\naddress = \"127.0.0.1:25\"", "relay.toml:1:2: there may be many of listener: write [[listener]] and its keys below, once for each")]
    [InlineData("listener = [3]", "relay.toml:1:1: there may be many of listener: write [[listener]] and its keys below, once for each")]
    public void A_section_of_the_wrong_shape_is_an_error(string text, string error) => Assert.Equal(error, Config.Error(text));

    [Fact]
    public void What_is_no_TOML_is_told_with_line_and_column()
    {
        string[] errors = Config.Errors("hostname = \"a.example\"\n[spool\npath = 3 4\n");
        Assert.True(errors.Length >= 2);
        Assert.StartsWith("relay.toml:2:7: ", errors[0], StringComparison.Ordinal);
        Assert.All(errors, static e => Assert.DoesNotContain('\n', e));
    }

    [Theory]
    [InlineData("100", "\"100\" is not a rate: write a number of messages, a slash and a duration, like \"100/1m\"")]
    [InlineData("-1/1m", "\"-1/1m\" is not a rate: write a number of messages, a slash and a duration, like \"100/1m\"")]
    [InlineData("100/minute", "\"minute\" is not a duration: write a whole number and ms, s, m, h or d, like \"30s\" or \"5m\"")]
    [InlineData("0/1m", "\"0/1m\" is out of range: write a rate of 1 to 1000000 messages in \"1s\" to \"1d\"")]
    [InlineData("10/10ms", "\"10/10ms\" is out of range: write a rate of 1 to 1000000 messages in \"1s\" to \"1d\"")]
    [InlineData("10/2d", "\"10/2d\" is out of range: write a rate of 1 to 1000000 messages in \"1s\" to \"1d\"")]
    public void A_wrong_rate_says_what_would_be_right(string rate, string error) => Assert.Equal("relay.toml:2:8: " + error, Config.Error($"[delivery]\nrate = \"{rate}\""));

    [Theory]
    [InlineData("[[limit]]\nconnections = 3", "relay.toml:1:1: this [[limit]] is for nobody: write domain = … or mx = …")]
    [InlineData("[[limit]]\ndomain = \"*\"\nmx = \"*.a.example\"", "relay.toml:3:6: this [[limit]] has domain and mx: write one of them, and the other in a [[limit]] of its own")]
    [InlineData("[[limit]]\nmx = \"*a.example\"", "relay.toml:2:6: \"*a.example\" is not a domain, \"*.domain\" or \"*\"")]
    [InlineData("[delivery]\nrecipients_per_message = 101", "relay.toml:2:26: 101 is out of range: write a number from 1 to 100")]
    public void A_wrong_limit_says_what_would_be_right(string text, string error) => Assert.Equal(error, Config.Error(text));

    [Theory]
    [InlineData("[[milter]]\nname = \"a\"", "relay.toml:1:1: this [[milter]] has no address: write address = … (milter address)")]
    [InlineData("[[milter]]\nname = \"a\"\naddress = \"127.0.0.1:8891\"", "relay.toml:3:11: \"127.0.0.1:8891\" is not the address of a milter: write it like \"inet:127.0.0.1:8891\", \"inet6:[::1]:8891\" or \"unix:/run/filter.sock\"")]
    [InlineData("[[milter]]\nname = \"a\"\naddress = \"inet:8891@localhost\"", "relay.toml:3:11: \"inet:8891@localhost\" has no port from 1 to 65535 at its end: write it like \"inet:127.0.0.1:8891\", \"inet6:[::1]:8891\" or \"unix:/run/filter.sock\"")]
    [InlineData("[[milter]]\nname = \"a\"\naddress = \"inet:[::1]:8891\"", "relay.toml:3:11: \"inet:[::1]:8891\" is not of the family that it says: write it like \"inet:127.0.0.1:8891\", \"inet6:[::1]:8891\" or \"unix:/run/filter.sock\"")]
    [InlineData("[[milter]]\nname = \"a\"\naddress = \"unix:run/x\"", "relay.toml:3:11: \"unix:run/x\" names no socket: write it like \"unix:/run/filter.sock\", with at most 107 octets for the path")]
    [InlineData("[[milter]]\nname = \"a\"\naddress = \"unix:/run/x\"\non_failure = \"defer\"", "relay.toml:4:14: \"defer\" is not one of \"tempfail\", \"accept\", \"reject\"")]
    [InlineData("[[milter]]\nname = \"a\"\naddress = \"unix:/run/x\"\n[[milter]]\nname = \"a\"\naddress = \"unix:/run/y\"", "relay.toml:5:8: a is the name of a milter above: each has one of its own, by which logs and metrics know it")]
    [InlineData("[[tenant]]\nweight = 3", "relay.toml:1:1: this [[tenant]] has no name: write name = … (name)")]
    [InlineData("[[tenant]]\nname = \"a b\"", "relay.toml:2:8: \"a b\" is not a name: write 1 to 64 letters, digits, hyphens, dots and underscores, like \"shop\"")]
    [InlineData("[[tenant]]\nname = \"a\"\n[[tenant]]\nname = \"a\"", "relay.toml:4:8: a is the name of a tenant above: write all its networks there, or choose another name")]
    [InlineData("[[tenant]]\nname = \"a\"\nnetworks = [\"10.0.0.0/8\"]\n[[tenant]]\nname = \"b\"\nnetworks = [\"10.0.0.0/8\"]",
        "relay.toml:6:12: 10.0.0.0/8 is a network of a already: it can belong to one tenant")]
    [InlineData("[[tenant]]\nname = \"a\"\negress = \"b\"", "relay.toml:3:10: there is no [[source]] and no [[pool]] b")]
    [InlineData("[[tenant]]\nname = \"a\"\nweight = 0", "relay.toml:3:10: 0 is out of range: write a number from 1 to 1000")]
    public void A_wrong_tenant_says_what_would_be_right(string text, string error) => Assert.Equal(error, Config.Error(text));

    [Theory]
    [InlineData("hostname = \"a\"\nhostname = \"b\"", "relay.toml:2:1: ")]
    [InlineData("[spool]\n[log]\n[spool]", "relay.toml:3:1: ")]
    public void A_key_given_twice_is_an_error(string text, string start) => Assert.StartsWith(start, Config.Error(text), StringComparison.Ordinal);

    [Fact]
    public void An_item_in_an_inline_list_is_told_where_it_stands() =>
        Assert.Equal("relay.toml:1:51: this [[route]] has no next_hop: write next_hop = … (next hop)", Config.Error("route = [{ domain = \"a\", next_hop = \"smtp://b\" }, { domain = \"*\" }]"));

    [Theory]
    [InlineData("smtp://user:secret@a.example", "\"smtp://user:secret@a.example\" has a user in it: write user and password as keys of their own")]
    [InlineData("a.example:25", "\"a.example:25\" is not a next hop: write it like \"smtp://mail.example.net:25\" or \"smtps://[2001:db8::1]:465\"")]
    [InlineData("smtp://a.example/", "\"smtp://a.example/\" names no host: write it like \"smtp://mail.example.net:25\" or \"smtps://[2001:db8::1]:465\"")]
    [InlineData("smtp://a.example:0", "\"smtp://a.example:0\" has no port from 1 to 65535 at its end: write it like \"smtp://mail.example.net:25\" or \"smtps://[2001:db8::1]:465\"")]
    [InlineData("smtp://::1", "\"smtp://::1\" has no port from 1 to 65535 at its end: write it like \"smtp://mail.example.net:25\" or \"smtps://[2001:db8::1]:465\"")]
    public void A_wrong_next_hop_says_what_would_be_right(string hop, string error) => Assert.Equal("relay.toml:3:12: " + error, Config.Error($"[[route]]\ndomain = \"*\"\nnext_hop = \"{hop}\""));

    [Theory]
    [InlineData("0.0.0.0/0")]
    [InlineData("0.0.0.0/1")]
    [InlineData("8.0.0.0/7")]
    [InlineData("::/0")]
    [InlineData("2000::/3")]
    [InlineData("fc00::/6")]
    public void A_network_that_makes_an_open_relay_is_refused(string network) =>
        Assert.Contains("would make this an open relay", Config.Error($"[access]\nrelay_from = [\"{network}\"]"), StringComparison.Ordinal);

    [Theory]
    [InlineData("smtp://127.0.0.1:25", "127.0.0.1:25")]
    [InlineData("smtp://127.0.0.1:25", "0.0.0.0:25")]
    [InlineData("smtp://127.0.0.2:25", "[::]:25")]
    [InlineData("smtp://[::1]", "[::]:25")]
    [InlineData("smtp://localhost", "127.0.0.1:25")]
    [InlineData("smtp://relay.example", "192.0.2.1:25")]
    public void A_route_that_leads_back_to_a_listener_is_an_error(string hop, string listener)
    {
        string text = $"""
            hostname = "relay.example"
            listener = [ {"{"} address = "{listener}" {"}"} ]
            [access]
            relay_domains = ["a.example", "b.example", "other.example"]
            [[route]]
            domain = "other.example"
            next_hop = "smtp://10.0.0.1"
            [[route]]
            domain = "*"
            next_hop = "{hop}"
            """;
        string error = Config.Error(text);
        Assert.StartsWith("relay.toml:10:12: smtp://", error, StringComparison.Ordinal);
        Assert.Contains("is a listener of this relay: mail for a.example, b.example", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1:25", "127.0.0.1:25", "127.0.0.1:25 is taken by a listener above: choose another port")]
    [InlineData("0.0.0.0:25", "127.0.0.1:25", "127.0.0.1:25 is served by the listener 0.0.0.0:25 above: leave one of them out")]
    [InlineData("0.0.0.0:25", "[::]:25", "[::]:25 is served by the listener 0.0.0.0:25 above: leave one of them out")]
    public void Two_listeners_at_one_address_are_an_error(string first, string second, string error) =>
        Assert.Equal("relay.toml:4:11: " + error, Config.Error($"[[listener]]\naddress = \"{first}\"\n[[listener]]\naddress = \"{second}\""));

    [Fact]
    public void The_admin_listener_needs_an_address_of_its_own() =>
        Assert.Equal("relay.toml:2:11: 127.0.0.1:2525 is taken by a listener above: choose another port", Config.Error("[admin]\naddress = \"127.0.0.1:2525\""));

    [Fact]
    public void Clear_text_on_a_hop_that_is_all_TLS_is_an_error() => Assert.Equal(
        "relay.toml:4:7: smtps://a.example:465 speaks TLS from the first octet, so tls = \"none\" can't be: leave it out, or write smtp://",
        Config.Error("[[route]]\ndomain = \"*\"\nnext_hop = \"smtps://a.example\"\ntls = \"none\""));

    [Fact]
    public void A_variable_that_is_not_set_is_an_error() =>
        Assert.Equal("relay.toml:1:12: the environment has no variable RELAY_NAME: set it, or write the value here", Config.Error("hostname = \"${RELAY_NAME}\""));

    [Fact]
    public void A_missing_file_is_an_error()
    {
        ConfigResult result = ConfigFile.Load("/nonexistent/relay.toml");
        Assert.Equal("/nonexistent/relay.toml:1:1: there is no such file", Assert.Single(result.Errors).ToString());
    }
}

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.Daemon.Configuration;
using Relay.Dkim;
using Relay.Flow;
using Relay.Flow.Policy;
using Relay.Protocol.Dkim;
using Relay.Protocol.Sasl;
using Relay.Tls;

namespace Relay.Daemon.Tests.Configuration;

/// <summary>What a configuration names on the disk.</summary>
public sealed class ConfigFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("relay-config-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    public void A_certificate_and_its_key_are_taken()
    {
        WritePair("tls");
        DaemonOptions options = Config.Valid("[tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"", _folder);
        Assert.Equal(Path.Combine(_folder, "tls.pem"), options.Engine.Tls.Certificates[0].CertificatePath);
        Assert.Equal(Path.Combine(_folder, "tls.key"), options.Engine.Tls.Certificates[0].KeyPath);
    }

    [Fact]
    public void A_key_of_another_certificate_is_an_error()
    {
        WritePair("tls");
        WritePair("other");
        Assert.StartsWith($"relay.toml:3:7: {_folder}/other.key is not the private key of {_folder}/tls.pem in PEM form: ",
            Config.Error("[tls]\ncertificate = \"tls.pem\"\nkey = \"other.key\"", _folder), StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_files_are_all_told() => Assert.Equal(
        [$"relay.toml:2:15: there is no file {_folder}/tls.pem", $"relay.toml:3:7: there is no file {_folder}/tls.key", $"relay.toml:5:14: there is no file {_folder}/list"],
        Config.Errors("[tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n[access]\nrecipients = \"list\"", _folder));

    [Fact]
    public void Users_are_taken()
    {
        string verifier = ScramVerifier.Of("secret"u8).Format();
        File.WriteAllText(Path.Combine(_folder, "users.toml"), $"[[user]]\nname = \"alice\"\npassword = \"{verifier}\"\nsenders = [\"*@example.net\"]\n\n[[user]]\nname = \"bob\"\npassword = \"{verifier}\"\n");
        DaemonOptions options = Config.Valid("[access]\nusers = \"users.toml\"", _folder);
        Assert.Equal("*@example.net", Assert.Single(options.Engine.Accounts!.Find("alice")!.Senders).Text);
        Assert.Empty(options.Engine.Accounts.Find("bob")!.Senders);
        Assert.Null(options.Engine.Accounts.Find("carol"));
        Assert.Contains($"users = \"{_folder}/users.toml\"", ConfigPrinter.Print(options), StringComparison.Ordinal);
    }

    [Fact]
    public void A_users_own_limits_stand_before_those_of_everybody_and_a_tenant_is_one_that_there_is()
    {
        string verifier = ScramVerifier.Of("secret"u8).Format();
        string path = Path.Combine(_folder, "users.toml");
        File.WriteAllText(path,
            $"[[user]]\nname = \"alice\"\npassword = \"{verifier}\"\ntenant = \"shop\"\nmessages_per_hour = 7\nrecipients_per_day = 0\nmessage_size = \"2MiB\"\n\n[[user]]\nname = \"bob\"\npassword = \"{verifier}\"\n");
        const string Text = "[access]\nusers = \"users.toml\"\n[submission]\nmessages_per_hour = 100\nrecipients_per_day = 500\n[[tenant]]\nname = \"shop\"";
        DaemonOptions options = Config.Valid(Text, _folder);
        Account alice = options.Engine.Accounts!.Find("alice")!;
        Assert.Equal(("shop", new UserLimits { MessagesPerHour = 7, RecipientsPerDay = 0, MessageSize = 2 << 20 }), (alice.Tenant, alice.Limits));
        Account bob = options.Engine.Accounts.Find("bob")!;
        Assert.Equal((null, new UserLimits { MessagesPerHour = 100, RecipientsPerDay = 500 }), (bob.Tenant, bob.Limits));
        Assert.Equal($"{path}:4:10: there is no [[tenant]] shop: did you mean shops?", Config.Error(Text.Replace("\"shop\"", "\"shops\"", StringComparison.Ordinal), _folder));
    }

    [Fact]
    public void Keys_of_tokens_are_read_from_their_file()
    {
        File.WriteAllText(Path.Combine(_folder, "users.toml"), "");
        string path = Path.Combine(_folder, "jwks.json");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        ECParameters ec = key.ExportParameters(false);
        File.WriteAllText(path, $$"""{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"{{System.Buffers.Text.Base64Url.EncodeToString(ec.Q.X)}}","y":"{{System.Buffers.Text.Base64Url.EncodeToString(ec.Q.Y)}}"}]}""");
        const string Text = "[access]\nusers = \"users.toml\"\n[oauth]\nissuer = \"https://a.example\"\naudience = [\"smtp\"]\njwks = \"jwks.json\"\nclaim = \"sub\"";
        DaemonOptions options = Config.Valid(Text, _folder);
        Assert.Equal(("https://a.example", "sub", true), (options.Engine.OAuth!.Issuer, options.Engine.OAuth.Claim, options.Engine.OAuth.Keys!.StartsWith('{')));
        Assert.Contains($"jwks = \"{path}\"", ConfigPrinter.Print(options), StringComparison.Ordinal);
        File.WriteAllText(path, "{\"keys\":[]}");
        Assert.Equal($"relay.toml:6:8: {path}: it has no RSA key of 2048 bits or more and no EC key for signatures", Config.Error(Text, _folder));
    }

    [Theory]
    [InlineData("[[user]]\nname = \"alice\"\npassword = \"VERIFIER\"\nmessages_per_hour = \"7\"\n", "4:21: messages_per_hour is a number from 0")]
    [InlineData("[[user]]\nname = \"alice\"\npassword = \"VERIFIER\"\nmessage_size = \"7 pages\"\n", "4:16: message_size is a size")]
    [InlineData("[[user]]\nname = \"alice\"\npassword = \"VERIFIER\"\ntenant = 3\n", "4:10: tenant is the name")]
    [InlineData("[[user]]\nname = \"alice\"\npassword = \"VERIFIER\"\ntenant = \"shop\"\n", "4:10: there is no [[tenant]] shop")]
    [InlineData("[[user]]\nname = \"alice\"\n", "1:1: this [[user]] has no password")]
    [InlineData("[[user]]\npassword = \"VERIFIER\"\n", "1:1: this [[user]] has no name")]
    [InlineData("[[user]]\nname = \"al ice\"\npassword = \"VERIFIER\"\n", "2:8: a name is a string")]
    [InlineData("[[user]]\nname = \"alice\"\npassword = \"secret\"\n", "3:12: this is not what is kept of a password")]
    [InlineData("[[user]]\nname = \"alice\"\npassword = \"VERIFIER\"\nsenders = [\"*\"]\n", "4:12: \"*\" is not an address")]
    [InlineData("[[user]]\nname = \"alice\"\npassword = \"VERIFIER\"\nsender = [\"*@example.net\"]\n", "4:1: unknown key sender in [[user]]")]
    [InlineData("[[user]]\nname = \"alice\"\npassword = \"VERIFIER\"\n[[user]]\nname = \"alice\"\npassword = \"VERIFIER\"\n", "4:1: alice is the name of a user above")]
    [InlineData("[[user]]\nname = \"alice\"\ncertificate = \"CN=x\"\n", "3:15: \"CN=x\" is not a certificate")]
    [InlineData("[[user]]\nname = \"alice\"\ncertificate = \"dns:a.example\"\n[[user]]\nname = \"bob\"\ncertificate = \"dns:a.example\"\n", "4:1: dns:a.example is a certificate of a user above")]
    [InlineData("decoys = \"x\"\n", "1:10: decoys is a secret")]
    [InlineData("users = 1\n", "1:1: unknown key users")]
    [InlineData("[[user]\n", "1:")]
    public void What_is_wrong_in_a_users_file_is_told_by_its_line(string text, string error)
    {
        File.WriteAllText(Path.Combine(_folder, "users.toml"), text.Replace("VERIFIER", ScramVerifier.Of("secret"u8).Format(), StringComparison.Ordinal));
        IReadOnlyList<string> errors = [.. Config.Errors("[access]\nusers = \"users.toml\"", _folder)];
        Assert.StartsWith($"{_folder}/users.toml:{error}", errors[0], StringComparison.Ordinal);
        Assert.DoesNotContain(errors, static e => e.Contains("secret\"", StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_that_holds_no_certificate_is_an_error()
    {
        WritePair("tls");
        File.WriteAllText(Path.Combine(_folder, "tls.pem"), "hello");
        Assert.StartsWith($"relay.toml:2:15: {_folder}/tls.pem holds no certificate in PEM form", Config.Error("[tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"", _folder), StringComparison.Ordinal);
    }

    [Fact]
    public void An_encrypted_key_is_an_error()
    {
        WritePair("tls");
        using ECDsa key = ECDsa.Create();
        File.WriteAllText(Path.Combine(_folder, "tls.key"), key.ExportEncryptedPkcs8PrivateKeyPem("secret", new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1000)));
        Assert.StartsWith($"relay.toml:3:7: {_folder}/tls.key is encrypted", Config.Error("[tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"", _folder), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tls")]
    [InlineData("delivery")]
    public void A_key_without_a_certificate_or_a_certificate_without_a_key_is_an_error(string section)
    {
        WritePair("tls");
        Assert.EndsWith($"[{section}] has a key and no certificate: give both or neither", Config.Error($"[{section}]\nkey = \"tls.key\"", _folder), StringComparison.Ordinal);
        Assert.EndsWith($"{_folder}/tls.pem holds no private key: name the file that does", Config.Error($"[{section}]\ncertificate = \"tls.pem\"", _folder), StringComparison.Ordinal);
    }

    [Fact]
    public void Several_certificates_profiles_and_client_authorities_are_taken_and_printed()
    {
        WritePair("tls");
        WritePair("other");
        DaemonOptions options = Config.Valid("""
            [[listener]]
            address = "127.0.0.1:25"
            tls_profile = "old"
            client_certificate = "ask"
            [[listener]]
            address = "127.0.0.1:465"
            role = "submission"
            tls = "implicit"
            [tls]
            certificate = "tls.pem"
            key = "tls.key"
            profile = "modern"
            client_ca = "tls.pem"
            [[certificate]]
            certificate = "other.pem"
            key = "other.key"
            names = ["*.bücher.example", "Mail.Example"]
            [access]
            relay_certificates = ["sha256:E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55"]
            """, _folder);
        Assert.Equal((TlsProfile.Modern, Path.Combine(_folder, "tls.pem"), 2), (options.Engine.Tls.Profile, options.Engine.Tls.ClientAuthorityPath, options.Engine.Tls.Certificates.Count));
        Assert.Equal(["*.xn--bcher-kva.example", "mail.example"], options.Engine.Tls.Certificates[1].Names);
        Assert.Equal([(TlsProfile.Old, ClientCertificateDemand.Ask), (null, ClientCertificateDemand.None)], options.Engine.Listeners.Select(static l => (l.Profile, l.ClientCertificate)));
        Assert.Equal(["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"], options.Engine.Access.RelayCertificates);
        Assert.Equal(ConfigPrinter.Print(options), ConfigPrinter.Print(Config.Valid(ConfigPrinter.Print(options), "/elsewhere")));
    }

    [Theory]
    [InlineData("[[listener]]\naddress = \"127.0.0.1:25\"\ntls = \"none\"\ntls_profile = \"old\"", "4:15: this listener never speaks TLS: leave tls_profile out")]
    [InlineData("[[listener]]\naddress = \"127.0.0.1:25\"\ntls = \"none\"\nclient_certificate = \"ask\"", "4:22: this listener never speaks TLS, in which certificates are shown")]
    [InlineData("[[listener]]\naddress = \"127.0.0.1:25\"\nrole = \"submission\"\n[tls]\nprofile = \"old\"", "5:11: \"old\" is for servers")]
    [InlineData("[[certificate]]\ncertificate = \"gone.pem\"", "2:15: there is no file")]
    [InlineData("[[certificate]]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\nnames = [\"*\"]", "4:10: \"*\" is no server")]
    [InlineData("[tls]\nclient_ca = \"tls.key\"", "2:13: FOLDER/tls.key holds no certificates in PEM form")]
    [InlineData("[access]\nrelay_certificates = [\"sha1:00\"]", "2:23: \"sha1:00\" is not a fingerprint")]
    public void What_is_wrong_with_TLS_is_told(string text, string error)
    {
        WritePair("tls");
        Assert.StartsWith($"relay.toml:{error.Replace("FOLDER", _folder, StringComparison.Ordinal)}", Config.Error(text, _folder), StringComparison.Ordinal);
    }

    [Fact]
    public void A_user_may_have_a_certificate_instead_of_a_password_and_the_file_keeps_it()
    {
        string digest = new('a', 64);
        string text = $"[[user]]\nname = \"host\"\ncertificate = [\"sha256:{digest.ToUpperInvariant()}\", \"dns:Host.Example\", \"mail:a@example.net\"]\n";
        var errors = new List<ConfigError>();
        UserList list = UsersFile.Parse(text, "users.toml", errors)!;
        Assert.Empty(errors);
        UserList again = UsersFile.Parse(list.Format(), "users.toml", errors)!;
        Assert.Equal(["sha256:" + digest, "dns:host.example", "mail:a@example.net"], Assert.Single(again.Users).Certificates);
        Assert.Null(again.Users[0].Verifier);
        Assert.DoesNotContain("password", list.Format(), StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_for_signing_are_read_and_a_wrong_one_is_told()
    {
        File.WriteAllText(Path.Combine(_folder, "good.pem"), DkimKeyFile.NewEd25519());
        File.WriteAllText(Path.Combine(_folder, "bad.pem"), "hello");
        DaemonOptions options = Config.Valid("[[dkim]]\ndomain = \"b\u00fccher.example\"\nselector = \"s1\"\nkey = \"good.pem\"\nfrom = [\"*.b\u00fccher.example\", \"*\"]\nbody = \"simple\"", _folder);
        DkimKeyOptions key = Assert.Single(options.Engine.Dkim);
        Assert.Equal(("xn--bcher-kva.example", "s1", Path.Combine(_folder, "good.pem"), DkimCanonicalization.Relaxed, DkimCanonicalization.Simple), (key.Domain, key.Selector, key.KeyPath, key.HeaderForm, key.BodyForm));
        Assert.Equal(["*.xn--bcher-kva.example", "*"], key.From);
        Assert.Equal(ConfigPrinter.Print(options), ConfigPrinter.Print(Config.Valid(ConfigPrinter.Print(options), "/elsewhere")));

        Assert.Equal(
        [
            $"relay.toml:4:7: {_folder}/bad.pem holds no private key in PEM form",
            "relay.toml:7:12: s1 is the selector of another key of a.example above: each key has one of its own",
            $"relay.toml:8:7: there is no file {_folder}/gone.pem",
            "relay.toml:11:12: \"s 2\" is not a selector: it is made of letters, digits, hyphens and underscores, like \"s2026\"",
        ], Config.Errors("[[dkim]]\ndomain = \"a.example\"\nselector = \"s1\"\nkey = \"bad.pem\"\n[[dkim]]\ndomain = \"a.example\"\nselector = \"s1\"\nkey = \"gone.pem\"\n[[dkim]]\ndomain = \"a.example\"\nselector = \"s 2\"\nkey = \"good.pem\"", _folder).OrderBy(static e => int.Parse(e.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Rules_for_answers_and_texts_of_reports_are_read()
    {
        File.WriteAllText(Path.Combine(_folder, "classes"), "# mine\nrate temporary 550 /come on/\n");
        File.WriteAllText(Path.Combine(_folder, "texts"), "# mine\n[subject.failed]\nOh no\n[class.rate]\nSlowly.\nVery slowly.\n\n");
        DaemonOptions options = Config.Valid("[delivery]\nclasses = \"classes\"\n[reports]\nlanguage = \"de\"\ntexts = \"texts\"\nfull_size = \"1MiB\"\ndelay_after = \"0s\"", _folder);
        Assert.Equal(FailureClass.Rate, Assert.Single(options.Engine.Delivery.Classes).Class);
        Assert.Equal(("de", 1024L * 1024, TimeSpan.Zero), (options.Engine.Reports.Language, options.Engine.Reports.FullSize, options.Engine.Reports.DelayAfter));
        Assert.Equal([("class.rate", "Slowly.\nVery slowly."), ("subject.failed", "Oh no")], options.Engine.Reports.Texts.Select(static t => (t.Key, t.Value)).Order());
        Assert.Equal(ConfigPrinter.Print(options), ConfigPrinter.Print(Config.Valid(ConfigPrinter.Print(options), "/elsewhere")));
    }

    [Fact]
    public void A_wrong_rule_or_text_is_told_in_its_own_file()
    {
        File.WriteAllText(Path.Combine(_folder, "classes"), "rate 550\nslow 550\n");
        File.WriteAllText(Path.Combine(_folder, "texts"), "hello\n[subject.filed]\n");
        string[] errors = [.. Config.Errors("[delivery]\nclasses = \"classes\"\n[reports]\ntexts = \"texts\"", _folder).Order(StringComparer.Ordinal)];
        Assert.Equal(3, errors.Length);
        Assert.StartsWith($"{_folder}/classes:2:1: \"slow\" is no class: there are other, bad_mailbox", errors[0], StringComparison.Ordinal);
        Assert.Equal($"{_folder}/texts:1:1: a text begins with its name, like [intro.failed]", errors[1]);
        Assert.StartsWith($"{_folder}/texts:2:1: there is no text [subject.filed]: there are class.authentication", errors[2], StringComparison.Ordinal);
    }

    [Fact]
    public void A_list_of_recipients_is_read_in_lower_case_without_comments()
    {
        File.WriteAllText(Path.Combine(_folder, "list"), "# who is here\nHans@Example.net\n\n  eva.b+tag@example.net  \r\nü@bücher.example");
        DaemonOptions options = Config.Valid("[access]\nrecipients = \"list\"", _folder);
        Assert.Equal(["eva.b+tag@example.net", "hans@example.net", "ü@bücher.example"], options.Engine.Access.Recipients!.Order(StringComparer.Ordinal));
        Assert.Contains("HANS@EXAMPLE.NET", (IReadOnlySet<string>)options.Engine.Access.Recipients!);
    }

    [Fact]
    public void A_wrong_line_in_the_list_is_told_in_its_own_file()
    {
        File.WriteAllText(Path.Combine(_folder, "list"), "hans@example.net\n  not an address\n<eva@example.net>\n");
        Assert.Equal(
        [
            $"{_folder}/list:2:3: \"not an address\" is not a mail address: write it like \"postmaster@example.net\"",
            $"{_folder}/list:3:1: \"<eva@example.net>\" is not a mail address: write it like \"postmaster@example.net\"",
        ], Config.Errors("[access]\nrecipients = \"list\"", _folder));
    }

    [Fact]
    public void A_file_that_is_no_UTF8_is_told_where()
    {
        string path = Path.Combine(_folder, "relay.toml");
        File.WriteAllBytes(path, [.. "hostname = \"a\"\n# "u8, 0xff, (byte)'\n']);
        Assert.Equal($"{path}:2:3: this is not UTF-8: save the file in UTF-8", Assert.Single(ConfigFile.Load(path).Errors).ToString());
    }

    [Fact]
    public void Paths_begin_at_the_folder_of_the_file()
    {
        string path = Path.Combine(_folder, "relay.toml");
        File.WriteAllText(path, "\ufeff[spool]\npath = \"../mail\"");
        Assert.Equal(Path.GetFullPath(Path.Combine(_folder, "../mail")), ConfigFile.Load(path).Options!.Engine.Spool.Paths.Single());
        File.WriteAllText(path, "[spool]\npath = \"/var/mail\"");
        Assert.Equal("/var/mail", ConfigFile.Load(path).Options!.Engine.Spool.Paths.Single());
    }

    private void WritePair(string name)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=relay.example", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        File.WriteAllText(Path.Combine(_folder, name + ".pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder, name + ".key"), key.ExportPkcs8PrivateKeyPem());
    }
}

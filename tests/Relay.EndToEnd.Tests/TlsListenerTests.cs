using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MailKit.Net.Smtp;
using MailKit.Security;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>TLS of the listening side, as OpenSSL, GnuTLS, curl, Python, MailKit and Postfix see it: which certificate, which versions and suites, what is resumed, who the client is.</summary>
public sealed class TlsListenerTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TestAuthority _authority = new();

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
    }

    /// <summary>H31: a ticket is good for its certificate, on listeners that ask for none; one that asks issues none and takes none, so that who a client was is never who he is.</summary>
    [Theory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public async Task A_session_is_resumed_on_listeners_that_ask_for_no_certificate_and_under_the_same_certificate_alone(string version)
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings() with
        {
            Listeners = ["implicit", "starttls", "implicit", "implicit"],
            ListenerMore = new Dictionary<int, string> { [2] = "client_certificate = \"ask\"", [3] = "client_certificate = \"require\"" },
            Access = $"users = \"{_folder.Write("users.toml", "[[user]]\nname = \"alice\"\ncertificate = \"mail:alice@from.test\"\n")}\"",
        });
        string own = WriteClient("alice@from.test");
        string session = _folder.File("session");
        Assert.Contains("New, ", await HelloAsync(relay, 0, version, "-sess_out", session), StringComparison.Ordinal);
        Assert.Contains("Reused, ", await HelloAsync(relay, 0, version, "-sess_in", session), StringComparison.Ordinal);
        Assert.Contains("Reused, ", await HelloAsync(relay, 1, version, "-sess_in", session, "-starttls", "smtp"), StringComparison.Ordinal);
        string other = await HelloAsync(relay, 0, version, "-sess_in", session, "-servername", "second.test");
        Assert.Contains("New, ", other, StringComparison.Ordinal);
        Assert.Contains("CN = second.test", other, StringComparison.Ordinal);
        Assert.Contains("New, ", await HelloAsync(relay, 2, version, "-sess_in", session), StringComparison.Ordinal);
        Assert.DoesNotContain("250 ", await HelloAsync(relay, 3, version, "-sess_in", session), StringComparison.Ordinal);

        File.Delete(session);
        Assert.Contains("EXTERNAL", await HelloAsync(relay, 2, version, "-sess_out", session, "-cert", own, "-key", own, "-cert_chain", own), StringComparison.Ordinal);
        foreach (int listener in (int[])[0, 2, 3])
        {
            // Without the certificate, by the session in which it was shown; TLS 1.2 leaves none to come with.
            string[] options = File.Exists(session) ? ["-sess_in", session] : [];
            string transcript = await HelloAsync(relay, listener, [version, .. options]);
            Assert.DoesNotContain("Reused, ", transcript, StringComparison.Ordinal);
            Assert.DoesNotContain("EXTERNAL", transcript, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_profile_takes_its_versions_and_suites_and_no_others()
    {
        string[] profiles = ["modern", "intermediate", "old"];
        (string Profile, string Options, string? Taken)[] cases =
        [
            ("modern", "", "TLSv1.3"),
            ("modern", "-tls1_2", null),
            ("intermediate", "-tls1_3", "TLSv1.3"),
            ("intermediate", "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
            ("intermediate", "-tls1_2 -cipher ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES256-SHA384"),
            ("intermediate", "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA", null),
            ("intermediate", "-tls1_2 -cipher DHE:kRSA", null),
            ("intermediate", "-tls1_1 -cipher ALL:@SECLEVEL=0", null),
            ("old", "-tls1_3", "TLSv1.3"),
            ("old", "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA"),
            ("old", "-tls1_2 -cipher NULL:aNULL:RC4:3DES:CAMELLIA:ARIA:DHE:@SECLEVEL=0", null),
            ("old", "-tls1_1 -cipher ALL:@SECLEVEL=0", null),
        ];
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings("profile = \"modern\"") with
        {
            Listeners = ["implicit", "implicit", "implicit"],
            ListenerMore = new Dictionary<int, string> { [1] = "tls_profile = \"intermediate\"", [2] = "tls_profile = \"old\"" },
        });
        foreach ((string profile, string options, string? taken) in cases)
        {
            string transcript = await HelloAsync(relay, Array.IndexOf(profiles, profile), options.Split(' ', StringSplitOptions.RemoveEmptyEntries));
            bool isTaken = transcript.Contains("\n250 ", StringComparison.Ordinal);
            Assert.True(isTaken == (taken is not null) && transcript.Contains(taken ?? "alert", StringComparison.Ordinal), $"{profile}, {options}: {transcript}");
            Assert.True(!isTaken || transcript.Contains("Compression: NONE", StringComparison.Ordinal), transcript);
        }
    }

    /// <summary>R in OpenSSL's client renegotiates: TLS 1.2 has it, and we don't.</summary>
    [Fact]
    public async Task A_client_can_not_renegotiate()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings() with { Listeners = ["implicit"] });
        await using ToolProcess openssl = await ToolProcess.RunAsync(Tool.Find("openssl", "openssl"), ["s_client", "-crlf", "-tls1_2", "-connect", To(relay, 0)], input: "R\nEHLO client.test\n");
        Assert.Contains("RENEGOTIATING", openssl.Transcript, StringComparison.Ordinal);
        Assert.DoesNotContain(openssl.Output, static line => line.StartsWith("250 ", StringComparison.Ordinal));
    }

    /// <summary>H18: as certbot does it, a link after the other, while clients come all the time.</summary>
    [Fact]
    public async Task Certificates_are_replaced_under_load_and_no_handshake_fails()
    {
        int replacements = LongForm.Wanted ? 100 : 3;
        string live = _folder.File("live.pem");
        string key = _folder.File("live.key");
        Link(0);
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Listeners = ["implicit", "starttls"], Tables = $"[tls]\ncertificate = \"{live}\"\nkey = \"{key}\"" });
        string[] shown = ["", ""];
        int[] handshakes = [0, 0];
        using RawClient old = await RawClient.ConnectAsync(relay.Listeners[0], implicitTls: true);
        using var stop = new CancellationTokenSource();
        Task[] load = [LoadAsync(0), LoadAsync(1)];
        for (int i = 1; i <= replacements; i++)
        {
            Link(i);
            string expected = $"CN=relay.test, OU={i}";
            await Eventually.True(() => load.Any(static t => t.IsCompleted) || (Volatile.Read(ref shown[0]) == expected && Volatile.Read(ref shown[1]) == expected), $"certificate {i} is shown");
        }

        await stop.CancelAsync();
        await Task.WhenAll(load);
        Assert.StartsWith("250", await old.CommandAsync("NOOP"), StringComparison.Ordinal);
        await using ToolProcess openssl = await ToolProcess.RunAsync(Tool.Find("openssl", "openssl"), ["s_client", "-crlf", "-ign_eof", "-connect", To(relay, 0)], input: "QUIT\n");
        Assert.Contains($"OU = {replacements}", openssl.Transcript, StringComparison.Ordinal);
        Figure.Report($"H18, {replacements} certificates replaced: {handshakes[0]} handshakes by implicit TLS, {handshakes[1]} by STARTTLS, 0 failed");

        async Task LoadAsync(int listener)
        {
            while (!stop.IsCancellationRequested)
            {
                using RawClient client = await RawClient.ConnectAsync(relay.Listeners[listener], implicitTls: listener == 0);
                if (listener == 1)
                {
                    await client.HelloAsync();
                    await client.StartTlsAsync();
                }

                Volatile.Write(ref shown[listener], client.Subject);
                Assert.StartsWith("221", await client.CommandAsync("QUIT"), StringComparison.Ordinal);
                handshakes[listener]++;
            }
        }

        void Link(int i)
        {
            using X509Certificate2 certificate = _authority.Issue($"CN=relay.test, OU={i}", _authority.Intermediate, names: ["relay.test"]);
            Turn(live, _folder.Write($"archive{i}.pem", certificate.ExportCertificatePem() + "\n" + _authority.Intermediate.ExportCertificatePem()));
            Turn(key, _folder.Write($"archive{i}.key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()));
        }

        static void Turn(string link, string target)
        {
            File.Delete(link);
            File.CreateSymbolicLink(link, target);
        }
    }

    [Fact]
    public async Task MailKit_binds_its_password_to_the_certificate_that_is_shown()
    {
        string users = _folder.File("users.toml");
        await using ToolProcess added = await ToolProcess.RunAsync("dotnet", [RelayProcess.Dll, "user", "add", "alice", "--users", users], input: "secret\n");
        Assert.True(added.ExitCode == 0, added.Transcript);
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings() with { Listeners = ["implicit"], Access = $"users = \"{users}\"" });
        foreach (string host in (string[])["relay.test", "second.test", "unknown.test"])
        {
            using var client = new SmtpClient { ServerCertificateValidationCallback = (_, certificate, _, _) => certificate is X509Certificate2 shown && shown.GetNameInfo(X509NameType.DnsName, false) == (host == "second.test" ? host : "relay.test") };
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(relay.Listener, TestContext.Current.CancellationToken);
            await client.ConnectAsync(socket, host, 465, SecureSocketOptions.SslOnConnect, TestContext.Current.CancellationToken);
            await client.AuthenticateAsync(new SaslMechanismScramSha256Plus("alice", "secret"), TestContext.Current.CancellationToken);
            Assert.True(client.IsAuthenticated);
            await client.DisconnectAsync(true, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task Curl_and_msmtp_log_in_by_their_certificate_as_EXTERNAL_and_as_nobody_else()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        string users = _folder.Write("users.toml", "[[user]]\nname = \"alice@from.test\"\nsenders = [\"*@from.test\"]\ncertificate = \"mail:alice@from.test\"\n");
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings() with
        {
            Routes = RelaySettings.SmartHost(server.Address, server.Port).Routes,
            Listeners = ["implicit"],
            Role = "submission",
            Access = $"users = \"{users}\"",
            ListenerMore = new Dictionary<int, string> { [0] = "client_certificate = \"ask\"" },
        });
        string own = WriteClient("alice@from.test");
        string mail = _folder.Write("mail.eml", "From: alice@from.test\r\nSubject: by certificate\r\n\r\nx\r\n");
        foreach ((string user, bool taken) in ((string, bool)[])[("alice%40from.test", true), ("bob%40from.test", false)])
        {
            await using ToolProcess curl = await ToolProcess.RunAsync(Tool.Find("curl", "curl"),
            [
                "-sS", "-v", "--cacert", _authority.RootPem, "--connect-to", $"relay.test:{relay.Port}:127.0.0.1:{relay.Port}", "--url", $"smtps://{user};AUTH=EXTERNAL@relay.test:{relay.Port}", "--cert", own, "--key", own,
                "--mail-from", "alice@from.test", "--mail-rcpt", "user@to.test", "--upload-file", mail,
            ]);
            Assert.True(taken == (curl.ExitCode == 0), curl.Transcript);
            Assert.Contains(taken ? "235 2.7.0" : "535 5.7.8", curl.Transcript, StringComparison.Ordinal);
            await using ToolProcess msmtp = await ToolProcess.RunAsync(
                Tool.Find("msmtp", "msmtp"),
                ["--file=/dev/null", "--host=127.0.0.1", $"--port={relay.Port}", "--tls=on", "--tls-starttls=off", "--tls-certcheck=off", $"--tls-cert-file={own}", $"--tls-key-file={own}",
                    "--auth=external", $"--user={user.Replace("%40", "@", StringComparison.Ordinal)}", "--from=alice@from.test", "user@to.test"],
                input: "From: alice@from.test\nSubject: msmtp by certificate\n\nx\n");
            Assert.True(taken == (msmtp.ExitCode == 0), msmtp.Transcript);
        }

        await server.MessageAsync(static message => message.Header("Subject") == "by certificate", "the message from curl");
        await server.MessageAsync(static message => message.Header("Subject") == "msmtp by certificate", "the message from msmtp");
    }

    [Fact]
    public async Task Python_and_GnuTLS_verify_the_chain_of_the_certificate_for_the_name_they_ask_for()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings() with { Listeners = ["starttls"] });
        string script = _folder.Write("verify.py", $$"""
            import smtplib, ssl, socket
            context = ssl.create_default_context(cafile="{{_authority.RootPem}}")
            for host in ("relay.test", "second.test"):
                client = smtplib.SMTP()
                client.connect("127.0.0.1", {{relay.Port}})
                client._host = host
                client.starttls(context=context)
                print(host, client.ehlo()[0], dict(sum(client.sock.getpeercert()["subject"], ()))["commonName"])
                client.quit()
            """);
        await using ToolProcess python = await ToolProcess.RunAsync(Tool.Find("python3", "python3"), [script]);
        Assert.True(python.ExitCode == 0, python.Transcript);
        Assert.Equal(["relay.test 250 relay.test", "second.test 250 second.test"], python.Output);
        await using ToolProcess gnutls = await ToolProcess.RunAsync(Tool.Find("gnutls-cli", "gnutls-bin"),
            ["--starttls-proto=smtp", "--x509cafile", _authority.RootPem, "--verify-hostname=second.test", "--sni-hostname=second.test", "--crlf", "-p", relay.Port.ToString(CultureInfo.InvariantCulture), "127.0.0.1"], input: "QUIT\n");
        Assert.Contains("The certificate is trusted", gnutls.Transcript, StringComparison.Ordinal);
    }

    /// <summary>Postfix's relay_clientcerts, from the other side: no network is trusted, and mail comes through by the certificate alone.</summary>
    [Fact]
    public async Task Postfix_may_relay_by_its_certificate()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        string own = WriteClient("host@post.test");
        using X509Certificate2 certificate = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(own, TestContext.Current.CancellationToken));
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings("", authority: false) with
        {
            Routes = RelaySettings.SmartHost(server.Address, server.Port).Routes,
            Listeners = ["starttls"],
            ListenerMore = new Dictionary<int, string> { [0] = "client_certificate = \"ask\"" },
            Access = $"relay_from = []\nrelay_certificates = [\"sha256:{certificate.GetCertHashString(HashAlgorithmName.SHA256)}\"]",
        });
        int port = FreePort.On("127.0.0.1");
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.1", port, $"""
            mynetworks = 127.0.0.0/8
            smtpd_relay_restrictions = permit_mynetworks, reject
            relayhost = [127.0.0.1]:{relay.Port}
            smtp_tls_security_level = secure
            smtp_tls_secure_cert_match = relay.test
            smtp_tls_CAfile = {_authority.RootPem}
            smtp_tls_chain_files = {own}
            smtp_tls_loglevel = 1
            """);
        await using ToolProcess swaks = await Swaks.SendAsync($"127.0.0.1:{port}", "user@far.test", "through Postfix");
        Assert.True(swaks.ExitCode == 0, swaks.Transcript);
        await server.MessageAsync(static message => message.Header("Subject") == "through Postfix", "the message through Postfix");
        Assert.Contains("Verified TLS connection established to 127.0.0.1", postfix.Log, StringComparison.Ordinal);
        await using ToolProcess stranger = await Swaks.SendAsync($"127.0.0.1:{relay.Port}", "user@far.test", "from a stranger", "--tls");
        Assert.Contains("550 5.7.1", stranger.Transcript, StringComparison.Ordinal);
    }

    private static string To(RelayProcess relay, int listener) => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{relay.Listeners[listener].Port}");

    /// <summary>A handshake, EHLO and QUIT: all that OpenSSL's client prints.</summary>
    private static async Task<string> HelloAsync(RelayProcess relay, int listener, params string[] options)
    {
        await using ToolProcess openssl = await ToolProcess.RunAsync(Tool.Find("openssl", "openssl"), ["s_client", "-crlf", "-ign_eof", .. options, "-connect", To(relay, listener)], input: "EHLO client.test\nQUIT\n");
        return openssl.Transcript;
    }

    /// <summary>A relay with a certificate for relay.test, another for second.test, and the test's authority for clients.</summary>
    private RelaySettings Settings(string more = "", bool authority = true) => new()
    {
        Tables = string.Join('\n', (string[])["[tls]", .. Write("relay.test"), authority ? $"client_ca = \"{_authority.RootPem}\"" : "", more, "[[certificate]]", .. Write("second.test")]),
    };

    private string[] Write(string host)
    {
        using X509Certificate2 certificate = _authority.Server(host);
        string chain = certificate.ExportCertificatePem() + "\n" + _authority.Intermediate.ExportCertificatePem();
        return [$"certificate = \"{_folder.Write(host + ".pem", chain)}\"", $"key = \"{_folder.Write(host + ".key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem())}\""];
    }

    /// <summary>A client's certificate, its chain and its key in one file.</summary>
    private string WriteClient(string mailbox)
    {
        using X509Certificate2 certificate = _authority.Issue("CN=client", _authority.Intermediate, mailboxes: [mailbox]);
        string own = _folder.File("client.pem");
        File.WriteAllText(own, string.Join('\n', certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem(), certificate.ExportCertificatePem(), _authority.Intermediate.ExportCertificatePem(), ""));
        return own;
    }
}

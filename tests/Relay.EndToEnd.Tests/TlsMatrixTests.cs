using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>NET6: every kind of trouble with TLS against everything that may be demanded of it, by what went over the wire.</summary>
public sealed class TlsMatrixTests
{
    private const string Secret = "what nobody else may read";

    private static readonly string[] Demands = ["none", "opportunistic", "testing", "enforce", "dane", "mismatch", "unusable", "requiretls"];

    /// <summary>For each trouble what becomes of mail under each demand: (c)lear, (t)ls, (d)eferred, (b)ounced.</summary>
    private static readonly (TlsTrouble Trouble, string Becomes)[] Matrix =
    [
        (TlsTrouble.NoStartTls, "cccddddb"),
        (TlsTrouble.Refuses454, "cccddddb"),
        (TlsTrouble.Garbage, "cccddddb"),
        (TlsTrouble.InjectsReply, "cccddddb"),
        (TlsTrouble.Alert, "cccddddb"),
        (TlsTrouble.Stalls, "cccddddb"),
        (TlsTrouble.Expired, "cttdtdtb"),
        (TlsTrouble.WrongName, "cttdtdtb"),
        (TlsTrouble.SelfSigned, "cttdtdtb"),
        (TlsTrouble.Tls10Only, "cccddddb"),
        (TlsTrouble.WeakDh, "cccddddb"),
        (TlsTrouble.WantsClientCertificate, "cttttdtt"),
        (TlsTrouble.HugeCertificate, "cccddddb"),
        (TlsTrouble.ClosesEarly, "cccddddb"),
    ];

    [Fact]
    public async Task NET6_mail_under_a_demand_for_TLS_never_goes_out_in_clear_whatever_is_wrong_with_the_server()
    {
        using var authority = new TestAuthority();
        using var folder = new TempFolder();
        await using ToolProcess old = await OpenSslAsync(authority, folder, "old", "-tls1", "-cipher", "ALL@SECLEVEL=0");
        await using ToolProcess weak = await OpenSslAsync(authority, folder, "weak", "-tls1_2", "-cipher", "ALL@SECLEVEL=0:!ECDHE", "-dhparam", await DhAsync(folder));
        await using var policies = new PolicyServer(
            _ => Certificate(authority, "policies", [.. Matrix.SelectMany(row => (string[])[$"mta-sts.{row.Trouble}.enforce.test".ToLowerInvariant(), $"mta-sts.{row.Trouble}.testing.test".ToLowerInvariant()])]),
            static host => PolicyServer.Policy(host.Split('.')[2], "*.mx.test"));
        string[] addresses = [.. Matrix.SelectMany((_, row) => Demands.Select((_, column) => Address(row, column)))];
        int port = FreePort.On(addresses);
        var records = new List<string>();
        var servers = new Dictionary<string, TroubledServer>();
        try
        {
            for (int row = 0; row < Matrix.Length; row++)
            {
                TlsTrouble trouble = Matrix[row].Trouble;
                for (int column = 0; column < Demands.Length; column++)
                {
                    string domain = Domain(trouble, Demands[column]);
                    string host = $"{trouble}-{Demands[column]}.mx.test".ToLowerInvariant();
                    X509Certificate2 certificate = CertificateFor(authority, trouble, host);
                    IPEndPoint? behind = trouble switch { TlsTrouble.Tls10Only => EndPoint(old), TlsTrouble.WeakDh => EndPoint(weak), _ => null };
                    servers[domain] = new TroubledServer(IPEndPoint.Parse($"{Address(row, column)}:{port}"), trouble, certificate, [authority.Intermediate], behind);
                    records.Add($"{domain}. IN MX 10 {host}.\n{host}. IN A {Address(row, column)}");
                    records.AddRange(More(Demands[column], domain, host, port, certificate));
                }
            }

            await using SignedDns dns = await SignedDns.StartAsync(records);
            await using ScriptedServer sender = ScriptedServer.Start();
            await using RelayProcess relay = await RelayProcess.StartAsync(
                RelaySettings.SmartHost(sender.Address, sender.Port) with
                {
                    Routes = new Dictionary<string, string> { ["from.test"] = sender.Url },
                    Listeners = ["starttls"],
                    Dns = $"servers = [\"{dns.EndPoint}\"]",
                    DeliveryTls = "opportunistic",
                    Retry = "1h",
                    Delivery = $"port = {port}\nmta_sts_port = {policies.Port}",
                    Tables = "[[tls_policy]]\ndomain = \"*.none.test\"\ntls = \"none\"\n[delivery.timeouts]\ntls = \"2s\"\ncommand = \"10s\"",
                },
                authority.Trusted);
            await SendAsync(relay, false, Demands.Where(static d => d != "requiretls"));
            await SendAsync(relay, true, ["requiretls"]);
            int cells = Matrix.Length * Demands.Length;
            await Eventually.True(() => relay.Deliveries.FirstByDomain().Count == cells, "something becomes of all mail", TimeSpan.FromSeconds(60));
            Dictionary<string, DeliveryRecord> events = relay.Deliveries.FirstByDomain();
            var wrong = new List<string>();
            foreach ((TlsTrouble trouble, string becomes) in Matrix)
            {
                for (int column = 0; column < Demands.Length; column++)
                {
                    string domain = Domain(trouble, Demands[column]);
                    TroubledServer server = servers[domain];
                    DeliveryRecord record = events[domain];
                    char became = record.Event switch { "delivered" => server.Taken is [true] ? 't' : server.Taken is [false] && server.Saw(Secret) ? 'c' : '?', "bounced" => 'b', "deferred" => 'd', _ => '?' };
                    bool isTold = (became == 'b' || (became == 't') == record.Json.TryGetProperty("tls", out _)) && record.Json.TryGetProperty("tls_policy", out _);
                    bool isHandedOn = became != 't' || server.Mails.All(m => m.EndsWith(" REQUIRETLS", StringComparison.Ordinal) == (Demands[column] == "requiretls"));
                    if (!isHandedOn || became != becomes[column] || server.Saw(Secret) != (became == 'c') || !isTold)
                    {
                        wrong.Add($"{domain}: {became} for {becomes[column]}: {record.Line}");
                    }
                }
            }

            Assert.Empty(wrong);
            Figure.Report($"NET6: {cells} cells, {events.Values.Count(static r => r.Event == "delivered")} delivered, in clear where TLS was demanded: 0");
        }
        finally
        {
            foreach (TroubledServer server in servers.Values)
            {
                await server.DisposeAsync();
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_asks_who_we_are_is_shown_the_certificate_that_is_configured(bool isConfigured)
    {
        using var authority = new TestAuthority();
        using var folder = new TempFolder();
        X509Certificate2 own = authority.Server("relay.test");
        folder.Write("own.pem", own.ExportCertificatePem() + "\n" + authority.Intermediate.ExportCertificatePem());
        folder.Write("own.key", own.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        int port = FreePort.On("127.0.0.1");
        await using var server = new TroubledServer(new IPEndPoint(IPAddress.Loopback, port), TlsTrouble.WantsClientCertificate, authority.Server("mx.test"), [authority.Intermediate]);
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost("127.0.0.1", port) with
        {
            DeliveryTls = "required",
            Delivery = isConfigured ? $"certificate = \"{folder.File("own.pem")}\"\nkey = \"{folder.File("own.key")}\"" : "",
        });
        await Submission.SendAsync(relay, "a@from.test", ["u@dest.test"], "Hello");
        await Eventually.True(() => server.Taken.Count == 1, "the message");
        Assert.NotEmpty(server.Clients);
        Assert.All(server.Clients, c => Assert.Equal(isConfigured ? "CN=relay.test" : null, c));
    }

    private static string Address(int row, int column) => string.Create(CultureInfo.InvariantCulture, $"127.42.{row}.{column + 1}");

    private static string Domain(TlsTrouble trouble, string demand) => $"{trouble}.{demand}.test".ToLowerInvariant();

    private static X509Certificate2 Certificate(TestAuthority authority, string subject, string[] names) => authority.Issue($"CN={subject}", authority.Root, names: names);

    private static X509Certificate2 CertificateFor(TestAuthority authority, TlsTrouble trouble, string host) => trouble switch
    {
        TlsTrouble.Expired => authority.Issue($"CN={host}", authority.Intermediate, names: [host], until: 0),
        TlsTrouble.WrongName => authority.Server("elsewhere.test"),
        TlsTrouble.SelfSigned => authority.Issue($"CN={host}", null, names: [host]),
        TlsTrouble.HugeCertificate => authority.Issue($"CN={host}", authority.Intermediate, names: [host], padding: 1 << 20),
        _ => authority.Server(host),
    };

    private static IEnumerable<string> More(string demand, string domain, string host, int port, X509Certificate2 certificate)
    {
        string hash = Convert.ToHexString(SHA256.HashData(certificate.PublicKey.ExportSubjectPublicKeyInfo()));
        string place = string.Create(CultureInfo.InvariantCulture, $"_{port}._tcp.{host}. IN TLSA");
        return demand switch
        {
            "testing" or "enforce" => [$"_mta-sts.{domain}. IN TXT \"v=STSv1; id=1;\"", $"mta-sts.{domain}. IN A 127.0.0.1"],
            "dane" => [$"{place} 3 1 1 {hash}"],
            "mismatch" => [$"{place} 3 1 1 {new string('0', 64)}"],
            "unusable" => [$"{place} 1 1 1 {hash}"],
            _ => [],
        };
    }

    private static Task SendAsync(RelayProcess relay, bool requireTls, IEnumerable<string> demands) =>
        Submission.SendAsync(relay, "a@from.test", demands.SelectMany(static d => Matrix.Select(row => "u@" + Domain(row.Trouble, d))), Secret, requireTls);

    private static IPEndPoint EndPoint(ToolProcess server) => IPEndPoint.Parse(server.Output.Concat(server.Errors).First(static l => l.StartsWith("ACCEPT ", StringComparison.Ordinal))["ACCEPT ".Length..]);

    private static async Task<ToolProcess> OpenSslAsync(TestAuthority authority, TempFolder folder, string name, params string[] more)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=old.test", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using X509Certificate2 certificate = request.CreateSelfSigned(authority.Root.NotBefore, authority.Root.NotAfter);
        folder.Write(name + ".pem", certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        ToolProcess server = ToolProcess.Start(Tool.Find("openssl", "openssl"), ["s_server", "-accept", "127.0.0.1:0", "-cert", folder.File(name + ".pem"), "-naccept", "100", .. more]);
        await server.LineAsync(static l => l.StartsWith("ACCEPT ", StringComparison.Ordinal), "its start");
        return server;
    }

    private static async Task<string> DhAsync(TempFolder folder)
    {
        await using ToolProcess made = await ToolProcess.RunAsync(Tool.Find("openssl", "openssl"), ["dhparam", "-dsaparam", "-out", folder.File("dh.pem"), "512"]);
        Assert.True(made.ExitCode == 0, made.Transcript);
        return folder.File("dh.pem");
    }
}

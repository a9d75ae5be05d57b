using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>L26: MTA-STS (RFC 8461) with a real web server, a real resolver and certificates of a real authority.</summary>
public sealed class MtaStsTests
{
    private const string Host = "mx.hosts.plain";

    [Fact]
    public async Task L26_only_a_policy_that_comes_as_it_should_is_one()
    {
        using var authority = new TestAuthority();
        await using var web = new PolicyServer(
            host => host.Contains("untrusted", StringComparison.Ordinal) ? authority.Issue("CN=x", null, names: [host]) : host.Contains("misnamed", StringComparison.Ordinal) ? Leaf(authority, "elsewhere.plain") : Leaf(authority, host),
            static host => host.Split('.')[1] switch
            {
                "redirect" => PolicyServer.Response("301 Moved Permanently", headers: "Location: https://mta-sts.good.plain/.well-known/mta-sts.txt\r\n"),
                "missing" => PolicyServer.Response("404 Not Found"),
                "html" => PolicyServer.Policy("enforce", "other.plain", "text/html"),
                "long" => PolicyServer.Policy("enforce", "other.plain", padding: 64 * 1024),
                "broken" => PolicyServer.Response("200 OK", "hello", "Content-Type: text/plain\r\n"),
                "charset" => PolicyServer.Policy("enforce", "other.plain", "text/plain; charset=utf-8"),
                "testing" => PolicyServer.Policy("testing", "other.plain"),
                _ => PolicyServer.Policy("enforce", "other.plain"),
            });
        string[] held = ["good", "charset"];
        string[] sent = ["redirect", "missing", "html", "long", "broken", "untrusted", "misnamed", "testing", "two", "none"];
        int port = FreePort.On("127.44.0.1");
        await using var server = new TroubledServer(IPEndPoint.Parse($"127.44.0.1:{port}"), TlsTrouble.SelfSigned, authority.Issue("CN=x", null), []);
        await using SignedDns dns = await SignedDns.StartAsync(
            [], [$"{Host}. IN A 127.44.0.1", .. held.Concat(sent).SelectMany(static d => Records(d, d == "none" ? 0 : d == "two" ? 2 : 1))]);
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings(dns, port, web), authority.Trusted);
        await Submission.SendAsync(relay, "a@from.plain", held.Concat(sent).Select(static d => $"u@{d}.plain"), "Hello");
        foreach (string domain in sent)
        {
            DeliveryRecord record = await EventAsync(relay, domain);
            Assert.Equal(("delivered", domain == "testing" ? "mta-sts-testing" : "opportunistic"), (record.Event, record.Json.GetProperty("tls_policy").GetString()));
        }

        foreach (string domain in held)
        {
            DeliveryRecord record = await EventAsync(relay, domain);
            Assert.Equal(("deferred", "mta-sts"), (record.Event, record.Json.GetProperty("tls_policy").GetString()));
            Assert.Contains($"the MTA-STS policy of the domain does not name {Host}", record.Line, StringComparison.Ordinal);
        }

        Assert.Equal(sent.Length, server.Taken.Count);
        Assert.All(server.Taken, Assert.True);
    }

    [Fact]
    public async Task L26_a_policy_that_was_had_holds_over_a_restart_when_its_server_and_record_are_gone()
    {
        using var authority = new TestAuthority();
        int port = FreePort.On("127.44.0.2");
        const string Way = "kept.plain. IN MX 10 mx.kept.plain.\nmx.kept.plain. IN A 127.44.0.2";
        RelaySettings settings;
        RelayProcess relay;
        await using (SignedDns dns = await SignedDns.StartAsync([], [Way, "_mta-sts.kept.plain. IN TXT \"v=STSv1; id=1\"", "mta-sts.kept.plain. IN A 127.0.0.1"]))
        await using (var web = new PolicyServer(host => Leaf(authority, host), static _ => PolicyServer.Policy("enforce", "mx.kept.plain")))
        await using (new TroubledServer(IPEndPoint.Parse($"127.44.0.2:{port}"), TlsTrouble.WantsClientCertificate, authority.Server("mx.kept.plain"), [authority.Intermediate]))
        {
            settings = Settings(dns, port, web);
            relay = await RelayProcess.StartAsync(settings, authority.Trusted);
            await Submission.SendAsync(relay, "a@from.plain", ["one@kept.plain"], "Hello");
            DeliveryRecord first = await relay.Deliveries.FindAsync(static r => r.To == "one@kept.plain" && r.Event != "received", "the first");
            Assert.Equal(("delivered", "pkix"), (first.Event, first.Json.GetProperty("tls").GetProperty("verified").GetString()));
            await relay.Kill9Async();
        }

        await using RelayProcess again = relay;
        // Somebody in between: another server, and a resolver that has lost the record.
        await using var evil = new TroubledServer(IPEndPoint.Parse($"127.44.0.2:{port}"), TlsTrouble.SelfSigned, authority.Issue("CN=x", null, names: ["mx.kept.plain"]), []);
        await using SignedDns later = await SignedDns.StartAsync([], [Way]);
        await File.WriteAllTextAsync(relay.ConfigFile, (settings with { Dns = $"servers = [\"{later.EndPoint}\"]" }).ToToml(), TestContext.Current.CancellationToken);
        await relay.RestartAsync();
        await Submission.SendAsync(relay, "a@from.plain", ["two@kept.plain"], "Hello");
        DeliveryRecord second = await relay.Deliveries.FindAsync(static r => r.To == "two@kept.plain" && r.Event != "received", "the second");
        Assert.Equal(("deferred", "mta-sts"), (second.Event, second.Json.GetProperty("tls_policy").GetString()));
        Assert.Empty(evil.Taken);
    }

    private static X509Certificate2 Leaf(TestAuthority authority, string host) => authority.Issue($"CN={host}", authority.Root, names: [host]);

    private static IEnumerable<string> Records(string domain, int policies) =>
    [
        $"{domain}.plain. IN MX 10 {Host}.\nmta-sts.{domain}.plain. IN A 127.0.0.1",
        .. Enumerable.Range(1, policies).Select(i => string.Create(CultureInfo.InvariantCulture, $"_mta-sts.{domain}.plain. IN TXT \"v=STSv1; id={i};\"")),
    ];

    private static RelaySettings Settings(SignedDns dns, int port, PolicyServer web) => new()
    {
        Dns = $"servers = [\"{dns.EndPoint}\"]",
        DeliveryTls = "opportunistic",
        Retry = "1h",
        Delivery = string.Create(CultureInfo.InvariantCulture, $"port = {port}\nmta_sts_port = {web.Port}"),
    };

    private static Task<DeliveryRecord> EventAsync(RelayProcess relay, string domain) => relay.Deliveries.FindAsync(r => r.To == $"u@{domain}.plain" && r.Event != "received", $"what becomes of mail to {domain}");
}

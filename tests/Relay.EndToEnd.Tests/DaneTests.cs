using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>DANE (RFC 7672) with a real validating resolver and a signed zone, and OpenSSL's word on which certificates match which records.</summary>
public sealed class DaneTests
{
    private const string Bad = "0000000000000000000000000000000000000000000000000000000000000000";

    /// <summary>For OpenSSL as for us: what a server shows, and whether the records make it the right one.</summary>
    private sealed record Case(string Name, X509Certificate2 Leaf, X509Certificate2[] Shown, string[] Records, bool IsRight)
    {
        /// <summary>OpenSSL isn't asked: its client can't be told of the second name that RFC 7672 §3.2.2 wants, and it looks at an authority's dates only where that has signed itself.</summary>
        public bool IsOursAlone { get; init; }
    }

    [Fact]
    public async Task L25_OpenSSL_and_the_relay_agree_on_which_certificates_match_which_records()
    {
        using var authority = new TestAuthority();
        await using var python = new PythonTlsServer();
        IReadOnlyList<Case> cases = [.. Cases(authority)];
        string[] addresses = [.. cases.Select((_, i) => string.Create(CultureInfo.InvariantCulture, $"127.43.0.{i + 1}"))];
        int port = FreePort.On(addresses);
        var servers = new List<TroubledServer>();
        try
        {
            var records = new List<string>();
            for (int i = 0; i < cases.Count; i++)
            {
                Case one = cases[i];
                IPEndPoint? behind = one.Shown.Contains(authority.Root) ? await python.StartAsync(one.Leaf, one.Shown) : null;
                servers.Add(new TroubledServer(IPEndPoint.Parse($"{addresses[i]}:{port}"), TlsTrouble.WantsClientCertificate, one.Leaf, one.Shown, behind));
                records.Add($"{one.Name}.test. IN MX 10 mx.{one.Name}.test.\nmx.{one.Name}.test. IN A {addresses[i]}");
                records.AddRange(one.Records.Select(r => string.Create(CultureInfo.InvariantCulture, $"_{port}._tcp.mx.{one.Name}.test. IN TLSA {r}")));
            }

            await using SignedDns dns = await SignedDns.StartAsync(records);
            await using RelayProcess relay = await RelayProcess.StartAsync(Settings(dns, port));
            await SendAsync(relay, cases.Select(static c => c.Name + ".test"));
            Task<bool>[] asked = [.. cases.Select((c, i) => c.IsOursAlone ? Task.FromResult(c.IsRight) : OpenSslAgreesAsync($"{addresses[i]}:{port}", c))];
            await Eventually.True(() => relay.Deliveries.FirstByDomain().Count == cases.Count, "something becomes of all mail", TimeSpan.FromSeconds(60));
            Dictionary<string, DeliveryRecord> events = relay.Deliveries.FirstByDomain();
            var wrong = new List<string>();
            for (int i = 0; i < cases.Count; i++)
            {
                Case one = cases[i];
                bool theirs = await asked[i];
                bool ours = events[one.Name + ".test"].Event == "delivered";
                bool told = !ours || events[one.Name + ".test"].Json.GetProperty("tls").GetProperty("verified").GetString() == (one.Name.StartsWith("ta", StringComparison.Ordinal) ? "dane-ta" : "dane-ee");
                if (ours != one.IsRight || theirs != ours || !told || (!one.Shown.Contains(authority.Root) && servers[i].Taken.Count != (ours ? 1 : 0)))
                {
                    wrong.Add($"{one.Name}: right {one.IsRight}, ours {ours}, OpenSSL {theirs}: {events[one.Name + ".test"].Line}");
                }
            }

            Assert.Empty(wrong);
            Figure.Report($"DANE: {cases.Count} cases, {cases.Count(static c => c.IsRight)} right, OpenSSL agrees on {cases.Count(static c => !c.IsOursAlone)}");
        }
        finally
        {
            foreach (TroubledServer server in servers)
            {
                await server.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task L25_a_session_that_is_resumed_is_held_against_the_records_again()
    {
        using var authority = new TestAuthority();
        int port = FreePort.On("127.43.2.1");
        await using var server = new TroubledServer(IPEndPoint.Parse($"127.43.2.1:{port}"), TlsTrouble.SelfSigned, authority.Server("mx.again.test"), [authority.Intermediate]);
        await using SignedDns dns = await SignedDns.StartAsync(
            ["again.test. IN MX 10 mx.again.test.\nmx.again.test. IN A 127.43.2.1", string.Create(CultureInfo.InvariantCulture, $"_{port}._tcp.mx.again.test. IN TLSA {Record("2 0 1", authority.Intermediate)}")]);
        RelaySettings settings = Settings(dns, port);
        await using RelayProcess relay = await RelayProcess.StartAsync(settings with { Delivery = settings.Delivery + "\nmessages_per_connection = 1\nconnections = 1" });
        for (int i = 1; i <= 3; i++)
        {
            await SendAsync(relay, ["again.test"]);
            await Eventually.True(() => relay.Deliveries.Read().Count(static r => r.Event == "delivered") == i, "it is delivered");
        }

        Assert.Equal(3, server.Connections);
        Assert.All(relay.Deliveries.Read().Where(static r => r.Event == "delivered"), static r => Assert.Equal("dane-ta", r.Json.GetProperty("tls").GetProperty("verified").GetString()));
    }

    [Fact]
    public async Task L25_what_the_resolver_cannot_validate_is_not_delivered_and_what_nobody_signed_is_no_DANE()
    {
        using var authority = new TestAuthority();
        string[] addresses = ["127.43.1.1", "127.43.1.2", "127.43.1.3", "127.43.1.4"];
        int port = FreePort.On(addresses);
        var servers = addresses.Select(a => new TroubledServer(IPEndPoint.Parse($"{a}:{port}"), TlsTrouble.SelfSigned, authority.Issue("CN=x", null), [])).ToList();
        try
        {
            string Tlsa(string host, string data) => string.Create(CultureInfo.InvariantCulture, $"_{port}._tcp.{host}. IN TLSA 3 1 1 {data}");
            await using SignedDns dns = await SignedDns.StartAsync(
                [
                    "bogus.test. IN MX 10 mx.bogus.test.\nmx.bogus.test. IN A 127.43.1.1", Tlsa("mx.bogus.test", SignedDns.Bogus + Bad[16..]),
                    // The first host may not have it, and the next one may.
                    "next.test. IN MX 10 mx.bogus.test.\nnext.test. IN MX 20 mx.next.test.\nmx.next.test. IN A 127.43.1.2",
                    // Of a name that is signed, but not where its mail goes.
                    "away.test. IN MX 10 mx.away.plain.",
                    "alias.test. IN MX 10 mx.alias.test.\nmx.alias.test. IN CNAME end.plain.", Tlsa("mx.alias.test", Bad),
                ],
                ["mx.away.plain. IN A 127.43.1.3", Tlsa("mx.away.plain", Bad), "end.plain. IN A 127.43.1.4", Tlsa("end.plain", Bad)]);
            await using RelayProcess relay = await RelayProcess.StartAsync(Settings(dns, port));
            await SendAsync(relay, ["bogus.test", "next.test", "away.test", "alias.test"]);
            await Eventually.True(() => relay.Deliveries.FirstByDomain().Count == 4, "something becomes of all mail");
            Dictionary<string, DeliveryRecord> events = relay.Deliveries.FirstByDomain();
            Assert.Equal(("deferred", "dane"), Said(events["bogus.test"]));
            Assert.Contains("the TLSA records of _", events["bogus.test"].Line, StringComparison.Ordinal);
            Assert.Equal(("delivered", "opportunistic"), Said(events["next.test"]));
            Assert.Equal(("delivered", "opportunistic"), Said(events["away.test"]));
            Assert.Equal(("delivered", "opportunistic"), Said(events["alias.test"]));
            Assert.Empty(servers[0].Taken);
        }
        finally
        {
            foreach (TroubledServer server in servers)
            {
                await server.DisposeAsync();
            }
        }
    }

    private static (string Event, string? Policy) Said(DeliveryRecord record) => (record.Event, record.Json.GetProperty("tls_policy").GetString());

    private static RelaySettings Settings(SignedDns dns, int port) => new()
    {
        Dns = $"servers = [\"{dns.EndPoint}\"]",
        DeliveryTls = "opportunistic",
        Retry = "1h",
        Delivery = string.Create(CultureInfo.InvariantCulture, $"port = {port}\nmta_sts = false"),
    };

    private static Task SendAsync(RelayProcess relay, IEnumerable<string> domains) => Submission.SendAsync(relay, "a@from.plain", domains.Select(static d => "u@" + d), "Hello");

    private static async Task<bool> OpenSslAgreesAsync(string connect, Case one)
    {
        await using ToolProcess client = await ToolProcess.RunAsync(
            Tool.Find("openssl", "openssl"),
            [
                "s_client", "-starttls", "smtp", "-connect", connect, "-dane_tlsa_domain", $"mx.{one.Name}.test", .. one.Records.SelectMany(static r => (string[])["-dane_tlsa_rrdata", r]),
                "-dane_ee_no_namechecks", "-verify_return_error", "-verify", "10", "-no-CAfile", "-no-CApath", "-no-CAstore",
            ],
            input: "QUIT\r\n");
        return client.ExitCode == 0 && client.Transcript.Contains("Verification: OK", StringComparison.Ordinal);
    }

    private static IEnumerable<Case> Cases(TestAuthority authority)
    {
        X509Certificate2[] usual = [authority.Intermediate];
        foreach ((string numbers, string name) in new[] { ("3 1 1", "ee311"), ("3 1 2", "ee312"), ("3 1 0", "ee310"), ("3 0 1", "ee301"), ("3 0 2", "ee302"), ("3 0 0", "ee300") })
        {
            X509Certificate2 leaf = authority.Server($"mx.{name}.test");
            yield return new Case(name, leaf, usual, [Record(numbers, leaf)], true);
        }

        X509Certificate2 expired = authority.Issue("CN=x", authority.Intermediate, names: ["mx.ee-expired.test"], until: 0);
        yield return new Case("ee-expired", expired, usual, [Record("3 1 1", expired)], true);
        X509Certificate2 other = authority.Server("elsewhere.test");
        yield return new Case("ee-other-name", other, usual, [Record("3 1 1", other)], true);
        yield return new Case("ee-wrong", authority.Server("mx.ee-wrong.test"), usual, ["3 1 1 " + Bad], false);
        yield return new Case("ee-second", other, usual, ["3 1 1 " + Bad, Record("3 0 1", other), "2 0 1 " + Bad], true);
        // The stronger hash is wrong: the weaker one of the same thing doesn't count (RFC 7671 §9).
        yield return new Case("ee-agility", other, usual, [Record("3 1 1", other), "3 1 2 " + Bad + Bad], false);
        // A key of the chain that isn't the server's own.
        yield return new Case("ee-of-issuer", authority.Server("mx.ee-of-issuer.test"), usual, [Record("3 1 1", authority.Intermediate)], false);

        foreach ((string numbers, string name) in new[] { ("2 0 1", "ta201"), ("2 1 1", "ta211"), ("2 0 2", "ta202"), ("2 1 2", "ta212") })
        {
            yield return new Case(name, authority.Server($"mx.{name}.test"), usual, [Record(numbers, authority.Intermediate)], true);
        }

        yield return new Case("ta-root-shown", authority.Server("mx.ta-root-shown.test"), [authority.Intermediate, authority.Root], [Record("2 0 1", authority.Root)], true);
        yield return new Case("ta-root-not-shown", authority.Server("mx.ta-root-not-shown.test"), usual, [Record("2 0 1", authority.Root)], false);
        yield return new Case("ta-root-in-zone", authority.Server("mx.ta-root-in-zone.test"), usual, [Record("2 0 0", authority.Root)], true);
        yield return new Case("ta-intermediate-in-zone", authority.Server("mx.ta-intermediate-in-zone.test"), [], [Record("2 0 0", authority.Intermediate)], true);
        yield return new Case("ta-other-name", other, usual, [Record("2 0 1", authority.Intermediate)], false);
        yield return new Case("ta-domain-name", authority.Server("ta-domain-name.test"), usual, [Record("2 0 1", authority.Intermediate)], true) { IsOursAlone = true };
        yield return new Case("ta-wild-name", authority.Server("*.ta-wild-name.test"), usual, [Record("2 0 1", authority.Intermediate)], true);
        yield return new Case("ta-leaf-expired", authority.Issue("CN=x", authority.Intermediate, names: ["mx.ta-leaf-expired.test"], until: 0), usual, [Record("2 0 1", authority.Intermediate)], false);
        yield return new Case("ta-wrong", authority.Server("mx.ta-wrong.test"), usual, ["2 0 1 " + Bad], false);
        X509Certificate2 stranger = authority.Issue("CN=stranger", null, isAuthority: true);
        yield return new Case("ta-not-above", authority.Server("mx.ta-not-above.test"), [authority.Intermediate, stranger], [Record("2 0 1", stranger)], false);
        X509Certificate2 old = authority.Issue("CN=old authority", authority.Root, isAuthority: true, from: -20, until: 0);
        yield return new Case("ta-expired", authority.Issue("CN=x", old, names: ["mx.ta-expired.test"], from: -10), [old], [Record("2 0 1", old)], false) { IsOursAlone = true };
        // Signed with another key than that of the authority whose name it bears.
        X509Certificate2 namesake = authority.Issue("CN=intermediate of a test", null, isAuthority: true);
        yield return new Case("ta-forged", authority.Issue("CN=x", namesake, names: ["mx.ta-forged.test"]), [authority.Intermediate], [Record("2 0 1", authority.Intermediate)], false);
        // Below one that may not issue.
        X509Certificate2 middle = authority.Issue("CN=no authority", authority.Intermediate, names: ["no-authority.test"]);
        yield return new Case("ta-below-leaf", authority.Issue("CN=x", middle, names: ["mx.ta-below-leaf.test"]), [middle, authority.Intermediate], [Record("2 0 1", authority.Intermediate)], false);
        X509Certificate2 own = authority.Issue("CN=x", null, names: ["mx.ta-of-itself.test"]);
        yield return new Case("ta-of-itself", own, [], [Record("2 1 1", own)], false);
    }

    private static string Record(string numbers, X509Certificate2 certificate)
    {
        string[] words = numbers.Split(' ');
        byte[] part = words[1] == "0" ? certificate.RawData : certificate.PublicKey.ExportSubjectPublicKeyInfo();
        return $"{numbers} {Convert.ToHexString(words[2] switch { "0" => part, "1" => SHA256.HashData(part), _ => SHA512.HashData(part) })}";
    }
}

using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>What testssl.sh has against the listeners.</summary>
public sealed class TlsScanTests : IDisposable
{
    /// <summary>Findings that count against a server: LOW and what is below it is good, or a matter of taste (suites with CBC, which profile intermediate has for old clients). WARN is a check that didn't work.</summary>
    private static readonly string[] Bad = ["WARN", "MEDIUM", "HIGH", "CRITICAL", "FATAL"];

    /// <summary>Findings that say nothing of the relay, with the reason.</summary>
    private static readonly Dictionary<string, string> Excused = new(StringComparer.Ordinal)
    {
        ["engine_problem"] = "Debian's OpenSSL has no GOST",
        ["cert_revocation"] = "the test's authority publishes neither a CRL nor an OCSP responder",
        ["DNS_CAArecord"] = "relay.test is in no DNS",
        ["sessionresumption_ID"] = "the scanner asks OpenSSL for a session without a ticket, and hangs up before TLS 1.3 has given any; TlsListenerTests resumes sessions",
        ["RC4"] = "Debian's OpenSSL has none to offer; cipherlist_LOW offers it octet by octet",
    };

    private readonly TempFolder _folder = new();
    private readonly TestAuthority _authority = new();

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
    }

    /// <summary>H15: the long form is all that it knows to look for, on both ports; the short one which protocols there are behind STARTTLS.</summary>
    [Fact]
    public async Task Testssl_finds_nothing_worse_than_a_matter_of_taste()
    {
        string testssl = Tool.Find("testssl", "testssl.sh");
        // For longer than a month: less is a finding.
        using X509Certificate2 certificate = _authority.Issue("CN=relay.test", _authority.Intermediate, names: ["relay.test"], until: 200);
        string chain = _folder.Write("relay.pem", certificate.ExportCertificatePem() + "\n" + _authority.Intermediate.ExportCertificatePem());
        string key = _folder.Write("relay.key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Listeners = ["starttls", "implicit"], Tables = $"[tls]\ncertificate = \"{chain}\"\nkey = \"{key}\"" });
        // Protocols; suites, forward secrecy, preferences, certificate, vulnerabilities, faults of implementations.
        string[] sections = LongForm.Wanted ? ["-p", "-s", "-f", "-P", "-S", "-U", "-g"] : ["-p"];
        foreach (JsonDocument report in await Task.WhenAll(Enumerable.Range(0, LongForm.Wanted ? 2 : 1).Select(ScanAsync)))
        {
            using (report)
            {
                (string Id, string Severity, string Finding)[] findings = [.. report.RootElement.EnumerateArray().Select(static f => (f.GetProperty("id").GetString()!, f.GetProperty("severity").GetString()!, f.GetProperty("finding").GetString()!))];
                foreach (string protocol in (string[])["SSLv2", "SSLv3", "TLS1", "TLS1_1"])
                {
                    Assert.Contains(findings, f => f.Id == protocol && f.Finding == "not offered");
                }

                foreach (string protocol in (string[])["TLS1_2", "TLS1_3"])
                {
                    Assert.Contains(findings, f => f.Id == protocol && f.Severity == "OK" && f.Finding.StartsWith("offered", StringComparison.Ordinal));
                }

                // The scan has come to its end, and the certificate was verified.
                Assert.Contains(findings, static f => f.Id == "scanTime" && f.Severity == "INFO");
                foreach (string whole in LongForm.Wanted ? (string[])["cert_trust", "cert_chain_of_trust", "cipherlist_LOW"] : [])
                {
                    Assert.Contains(findings, f => f.Id == whole && f.Severity == "OK");
                }

                Assert.DoesNotContain(findings, static f => Bad.Contains(f.Severity) && !Excused.ContainsKey(f.Id));
                Figure.Report($"H15, testssl.sh {string.Join(' ', sections)}: {findings.Length} findings, {string.Join(", ", findings.Where(static f => f.Severity == "LOW" || Bad.Contains(f.Severity)).Select(static f => $"{f.Id} {f.Severity} ({f.Finding})"))}");
            }
        }

        async Task<JsonDocument> ScanAsync(int listener)
        {
            string json = _folder.File($"{listener}.json");
            string[] startTls = listener == 0 ? ["-t", "smtp"] : [];
            await using ToolProcess scan = await ToolProcess.RunAsync(
                testssl,
                [.. sections, "--fast", "--ip", "127.0.0.1", "-n", "none", "--warnings", "off", "--color", "0", "--quiet", "--add-ca", _authority.RootPem, "--jsonfile", json, .. startTls, string.Create(CultureInfo.InvariantCulture, $"relay.test:{relay.Listeners[listener].Port}")],
                within: TimeSpan.FromMinutes(LongForm.Wanted ? 60 : 10), folder: _folder.Path);
            Assert.True(File.Exists(json), scan.Transcript);
            return JsonDocument.Parse(await File.ReadAllTextAsync(json, TestContext.Current.CancellationToken));
        }
    }
}

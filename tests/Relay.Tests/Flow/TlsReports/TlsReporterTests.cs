using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Relay.Flow;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.TlsReports;

/// <summary>Who is told what of TLS, and when (RFC 8460): from mail that comes in to the report that goes out.</summary>
public sealed class TlsReporterTests
{
    [Fact]
    public async Task A_domain_that_wants_it_is_told_once_the_day_is_over_what_came_of_TLS_also_after_a_restart()
    {
        await using EngineFixture relay = await StartAsync("tls@relay.example.net");
        relay.Dns.Txt("_smtp._tls.dest.example", "v=TLSRPTv1; rua=mailto:tls%2Dreports@reports.example,mailto:nobody");
        await relay.SendAsync("a@source.example", ["u@dest.example", "u@dane.example", "u@quiet.example"]);
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 2 && relay.Log("deferred").Count == 1, "the mail is dealt with");
        await relay.RestartAsync();
        relay.Dns.Txt("_smtp._tls.dane.example", "v=TLSRPTv1; rua=mailto:tls@reports.example");
        await relay.PassTimeUntil(() => relay.Server.Mail.Count(static m => m.From.Contains("tls@relay.example.net", StringComparison.Ordinal)) == 2, "the reports", TimeSpan.FromMinutes(5));

        ReceivedMail report = relay.Server.Mail.Single(static m => m.Recipients.Any(static r => r.Contains("tls-reports@reports.example", StringComparison.Ordinal)));
        Assert.Contains("\r\nSubject: Report Domain: dest.example Submitter: relay.example.net\r\n Report-ID: <20261124.dest.example@relay.example.net>\r\n", report.Body, StringComparison.Ordinal);
        Assert.Contains("\r\nTLS-Report-Domain: dest.example\r\nTLS-Report-Submitter: relay.example.net\r\n", report.Body, StringComparison.Ordinal);
        JsonElement told = Read(report.Body);
        Assert.Equal("Some Mailers", told.GetProperty("organization-name").GetString());
        Assert.Equal("""{"start-datetime":"2026-11-24T00:00:00+00:00","end-datetime":"2026-11-24T23:59:59+00:00"}""", told.GetProperty("date-range").ToString());
        JsonElement policy = told.GetProperty("policies")[0];
        Assert.Equal("no-policy-found", policy.GetProperty("policy").GetProperty("policy-type").GetString());
        Assert.Equal("""{"total-successful-session-count":0,"total-failure-session-count":1}""", policy.GetProperty("summary").ToString());
        Assert.Equal("starttls-not-supported", policy.GetProperty("failure-details")[0].GetProperty("result-type").GetString());

        JsonElement dane = Read(relay.Server.Mail.Single(static m => m.Recipients.Any(static r => r.Contains("tls@reports.example", StringComparison.Ordinal))).Body).GetProperty("policies")[0];
        Assert.Equal("tlsa", dane.GetProperty("policy").GetProperty("policy-type").GetString());
        Assert.Equal("starttls-not-supported", dane.GetProperty("failure-details")[0].GetProperty("result-type").GetString());
        Assert.Equal("mx.dane.example", dane.GetProperty("failure-details")[0].GetProperty("receiving-mx-hostname").GetString());
        await relay.PassTimeUntil(() => !Directory.EnumerateFiles(Path.Combine(relay.Options.StatePath!, "tls-reports"), "2026-11-24*").Any(), "the day is closed", TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task L26_what_a_policy_that_is_tested_would_have_stopped_is_delivered_and_told()
    {
        await using EngineFixture relay = await StartAsync("tls@relay.example.net", static folder =>
        {
            Directory.CreateDirectory(Path.Combine(folder, "mta-sts"));
            File.WriteAllText(Path.Combine(folder, "mta-sts", "testing.example"), "1\n2026-11-24T08:00:00.0000000+00:00\nversion: STSv1\nmode: testing\nmx: mx.testing.example\nmax_age: 864000\n");
        });
        relay.Dns.Txt("_mta-sts.testing.example", "v=STSv1; id=1").Txt("_smtp._tls.testing.example", "v=TLSRPTv1; rua=mailto:tls@reports.example");
        await relay.SendAsync("a@source.example", ["u@testing.example"]);
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "the mail");
        Assert.Equal("mta-sts-testing", relay.Log("delivered").Single().GetProperty("tls_policy").GetString());
        await relay.PassTimeUntil(() => relay.Server.Mail.Any(static m => m.From.Contains("tls@relay.example.net", StringComparison.Ordinal)), "the report", TimeSpan.FromMinutes(5));
        JsonElement policy = Read(relay.Server.Mail.Single(static m => m.From.Contains("tls@relay.example.net", StringComparison.Ordinal)).Body).GetProperty("policies")[0];
        Assert.Equal("""{"policy-type":"sts","policy-string":["version: STSv1","mode: testing","mx: mx.testing.example","max_age: 864000"],"policy-domain":"testing.example","mx-host":["mx.testing.example"]}""", policy.GetProperty("policy").ToString());
        Assert.Equal("starttls-not-supported", policy.GetProperty("failure-details")[0].GetProperty("result-type").GetString());
    }

    [Fact]
    public async Task Without_a_contact_nothing_is_counted()
    {
        await using EngineFixture relay = await StartAsync(null);
        relay.Dns.Txt("_smtp._tls.dest.example", "v=TLSRPTv1; rua=mailto:tls@reports.example");
        await relay.SendAsync("a@source.example", ["u@dest.example"]);
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "the mail");
        await relay.RestartAsync();
        Assert.False(Directory.Exists(relay.Options.StatePath));
    }

    private static JsonElement Read(string mail)
    {
        string encoded = mail[(mail.IndexOf(".json.gz\"\r\n\r\n", StringComparison.Ordinal) + 13)..];
        using var packed = new MemoryStream(Convert.FromBase64String(encoded[..encoded.IndexOf("\r\n--", StringComparison.Ordinal)]));
        using var gzip = new GZipStream(packed, CompressionMode.Decompress);
        using var reader = new StreamReader(gzip, Encoding.UTF8);
        return JsonDocument.Parse(reader.ReadToEnd()).RootElement;
    }

    private static async Task<EngineFixture> StartAsync(string? contact, Action<string>? prepare = null)
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with
        {
            Delivery = relay.Options.Delivery with { Tls = OutboundTls.Opportunistic },
            TlsReports = new TlsReportOptions { Contact = contact, Organization = "Some Mailers" },
            StatePath = Path.Combine(relay.Options.Spool.Paths[0], "..", "state"),
        };
        prepare?.Invoke(Path.GetFullPath(relay.Options.StatePath));
        relay.Dns.IsSigned = true;
        foreach (string domain in (string[])["dest.example", "dane.example", "quiet.example", "testing.example", "reports.example"])
        {
            relay.Dns.Mx(domain, (10, "mx." + domain)).Host("mx." + domain, "192.0.2.1");
        }

        relay.Dns.Tlsa("_2525._tcp.mx.dane.example", "3 1 1 " + new string('a', 64));
        await relay.StartAsync();
        return relay;
    }
}

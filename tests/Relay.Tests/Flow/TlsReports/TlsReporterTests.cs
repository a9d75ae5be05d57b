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

    private static async Task<EngineFixture> StartAsync(string? contact)
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with
        {
            Delivery = relay.Options.Delivery with { Tls = OutboundTls.Opportunistic },
            TlsReports = new TlsReportOptions { Contact = contact, Organization = "Some Mailers" },
            StatePath = Path.Combine(relay.Options.Spool.Paths[0], "..", "state"),
        };
        relay.Dns.IsSigned = true;
        foreach (string domain in (string[])["dest.example", "dane.example", "quiet.example", "reports.example"])
        {
            relay.Dns.Mx(domain, (10, "mx." + domain)).Host("mx." + domain, "192.0.2.1");
        }

        relay.Dns.Tlsa("_2525._tcp.mx.dane.example", "3 1 1 " + new string('a', 64));
        await relay.StartAsync();
        return relay;
    }
}

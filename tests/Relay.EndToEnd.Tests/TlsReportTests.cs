using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Reports on TLS (RFC 8460) to a web server. Days don't pass in a test: what a relay left of yesterday is told when it starts.</summary>
public sealed class TlsReportTests
{
    [Fact]
    public async Task What_is_left_of_yesterday_goes_by_HTTPS_to_who_wants_it_there_and_is_closed()
    {
        using var authority = new TestAuthority();
        await using var web = new PolicyServer(_ => authority.Issue("CN=reports.plain", authority.Root, names: ["reports.plain"]), static _ => PolicyServer.Response("201 Created"));
        await using SignedDns dns = await SignedDns.StartAsync([], ["reports.plain. IN A 127.0.0.1", $"_smtp._tls.dest.plain. IN TXT \"v=TLSRPTv1; rua=https://reports.plain:{web.Port}/tls\""]);
        await using RelayProcess relay = await RelayProcess.StartAsync(
            new RelaySettings { Dns = $"servers = [\"{dns.EndPoint}\"]", Tables = "[tls_reports]\ncontact = \"tls@relay.test\"" }, authority.Trusted);
        Assert.Equal(0, await relay.StopAsync());
        string yesterday = TimeProvider.System.GetUtcNow().AddDays(-1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        string file = Path.Combine(relay.Folder, "state", "tls-reports", yesterday + ".json");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        await File.WriteAllTextAsync(
            file, """{"dest.plain":{"policies":[{"policy":{"policy-type":"no-policy-found","policy-domain":"dest.plain"},"summary":{"total-successful-session-count":7,"total-failure-session-count":0},"failure-details":[]}],"told":[]}}""",
            TestContext.Current.CancellationToken);
        await relay.RestartAsync();
        await Eventually.True(() => web.Posted.Count == 1 && !File.Exists(file), "the report comes and the day is closed");
        using var gzip = new GZipStream(new MemoryStream(web.Posted[0]), CompressionMode.Decompress);
        JsonElement report = (await JsonDocument.ParseAsync(gzip, cancellationToken: TestContext.Current.CancellationToken)).RootElement;
        Assert.Equal(("relay.test", "tls@relay.test"), (report.GetProperty("organization-name").GetString(), report.GetProperty("contact-info").GetString()));
        Assert.Equal(yesterday + "T00:00:00+00:00", report.GetProperty("date-range").GetProperty("start-datetime").GetString());
        Assert.Equal(7, report.GetProperty("policies")[0].GetProperty("summary").GetProperty("total-successful-session-count").GetInt32());
        Assert.Contains(relay.Errors, static l => l.Contains("the report on TLS with dest.plain went to https://reports.plain", StringComparison.Ordinal));
    }
}

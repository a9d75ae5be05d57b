using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Relay.Dns;
using Relay.Flow;
using Relay.Flow.TlsReports;
using Relay.Protocol.Policy;

namespace Relay.Tests.Flow.TlsReports;

/// <summary>What is counted of TLS for each domain and day (RFC 8460 §4).</summary>
public sealed class TlsTallyTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("relay-tally-").FullName;
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 30, 23, 0, 0, TimeSpan.Zero));
    private TlsTally _tally;

    public TlsTallyTests() => _tally = Open();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Tries_are_counted_by_policy_and_failures_by_what_failed_where()
    {
        Assert.True(MtaStsPolicy.TryParse("version: STSv1\nmode: testing\nmx: mx.example\nmax_age: 86400\n", out MtaStsPolicy? sts, out _));
        var testing = new TlsPolicy(OutboundTls.Opportunistic, TlsPolicyKind.MtaStsTesting);
        for (int i = 0; i < 3; i++)
        {
            Add("Dest.Example", testing, TlsFault.None, sts);
        }

        Add("dest.example", testing, TlsFault.CertificateExpired, sts);
        Add("dest.example", testing, TlsFault.CertificateExpired, sts);
        Add("dest.example", testing, TlsFault.CertificateHostMismatch, sts);
        Add("dest.example", new TlsPolicy(OutboundTls.Verified, TlsPolicyKind.Dane) { Dane = DaneRecords.Of([new TlsaRecord(3, 1, 1, new string('A', 64))], "mx.example", "dest.example") }, TlsFault.TlsaInvalid);
        Add("plain.example", new TlsPolicy(OutboundTls.Opportunistic), TlsFault.None);
        _time.Advance(TimeSpan.FromHours(2));
        Add("dest.example", testing, TlsFault.None, sts);

        (DateOnly Day, string Domain, TlsReportDomain Report)[] over = [.. _tally.Over()];
        Assert.Equal([(new DateOnly(2026, 11, 30), "dest.example"), (new DateOnly(2026, 11, 30), "plain.example")], over.Select(static o => (o.Day, o.Domain)));
        string json = JsonSerializer.Serialize(
            new TlsReport("Relay", new TlsReportPeriod(_time.GetUtcNow().UtcDateTime.Date, _time.GetUtcNow().UtcDateTime.Date), "tls@relay.example", "1@relay.example", over[0].Report.Policies), TlsReportJson.Default.TlsReport);
        JsonElement policies = JsonDocument.Parse(json).RootElement.GetProperty("policies");
        Assert.Equal("""{"policy-type":"sts","policy-string":["version: STSv1","mode: testing","mx: mx.example","max_age: 86400"],"policy-domain":"dest.example","mx-host":["mx.example"]}""", policies[0].GetProperty("policy").ToString());
        Assert.Equal("""{"total-successful-session-count":3,"total-failure-session-count":3}""", policies[0].GetProperty("summary").ToString());
        Assert.Equal(
            """{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.7","receiving-mx-hostname":"mx.example","receiving-ip":"192.0.2.1","failed-session-count":2,"failure-reason-code":"why"}""",
            policies[0].GetProperty("failure-details")[0].ToString());
        Assert.Equal($$"""{"policy-type":"tlsa","policy-string":["3 1 1 {{new string('A', 64)}}"],"policy-domain":"dest.example"}""", policies[1].GetProperty("policy").ToString());
        Assert.Equal("no-policy-found", over[1].Report.Policies[0].Policy.PolicyType);
    }

    [Fact]
    public async Task What_was_counted_and_told_survives_a_restart()
    {
        Add("dest.example", new TlsPolicy(OutboundTls.Opportunistic), TlsFault.None);
        await _tally.SaveAsync();
        _tally = Open();
        Add("dest.example", new TlsPolicy(OutboundTls.Opportunistic), TlsFault.StartTlsNotSupported);
        _time.Advance(TimeSpan.FromHours(2));
        (DateOnly day, string domain, TlsReportDomain report) = Assert.Single(_tally.Over());
        Assert.Equal((1, 1), (report.Policies[0].Summary.Successful, report.Policies[0].Summary.Failed));
        _tally.Told(day, report, "mailto:a@b.example");
        await _tally.SaveAsync();
        _tally = Open();
        Assert.Equal(["mailto:a@b.example"], Assert.Single(_tally.Over()).Report.Told);
        _tally.Drop(day, domain);
        await _tally.SaveAsync();
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public void Nothing_that_a_peer_says_makes_it_grow_without_end()
    {
        for (int i = 0; i < 300; i++)
        {
            Add("dest.example", new TlsPolicy(OutboundTls.Opportunistic), TlsFault.ValidationFailure, host: $"mx{i}.example");
            Add("many.example", new TlsPolicy(OutboundTls.Verified, TlsPolicyKind.Dane) { Dane = DaneRecords.Of([new TlsaRecord(3, 1, 1, $"{i:X64}")], "mx.example", "many.example") }, TlsFault.None);
        }

        Add("[192.0.2.1]", new TlsPolicy(OutboundTls.Opportunistic), TlsFault.None);
        _time.Advance(TimeSpan.FromHours(2));
        Dictionary<string, TlsReportDomain> over = _tally.Over().ToDictionary(static o => o.Domain, static o => o.Report);
        Assert.Equal(["dest.example", "many.example"], over.Keys.Order());
        Assert.Equal((300, 100), ((int)over["dest.example"].Policies[0].Summary.Failed, over["dest.example"].Policies[0].FailureDetails.Count));
        Assert.Equal(10, over["many.example"].Policies.Count);
    }

    private void Add(string domain, TlsPolicy policy, TlsFault fault, MtaStsPolicy? sts = null, string host = "mx.example") =>
        _tally.Add(domain, new TlsSession(policy, sts, host, IPAddress.Parse("192.0.2.1"), "192.0.2.7", fault, fault == TlsFault.None ? "" : "why"));

    private TlsTally Open()
    {
        var tally = new TlsTally(_folder, _time, NullLogger.Instance);
        tally.Load();
        return tally;
    }
}

using System.Globalization;
using System.Text.Json;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>`relay probe` against servers of which is known what they are: closed, open, or with other holes.</summary>
public sealed class ProbeTests
{
    private const string NobodyTrusted = """
        relay_from = ["127.0.0.99/32"]
        relay_domains = ["ours.test"]
        """;

    [Fact]
    public async Task Our_relay_is_not_open_in_clear_nor_in_TLS()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Access = NobodyTrusted, Listeners = ["starttls", "implicit"] });
        foreach ((int listener, string tls) in ((int, string)[])[(0, "none"), (0, "starttls"), (1, "implicit")])
        {
            Report report = await ProbeAsync($"127.0.0.1:{Port(relay.Listeners[listener].Port)}", "--tls", tls);

            Assert.True(report.Status == 0, report.Transcript);
            Assert.True(report.Tricks.Count >= 40, report.Transcript);
            Assert.True(report.Tricks.Values.All(static verdict => verdict == "refused"), report.Transcript);
            Assert.DoesNotContain("finding", report.Checks.Values);
            Assert.Equal(("fine", "fine", "fine", "fine"), (report.Checks["TLSv1.0"], report.Checks["TLSv1.1"], report.Checks["TLSv1.2"], report.Checks["TLSv1.3"]));
        }

        Assert.Equal(0, await relay.StopAsync());
        Assert.Empty(relay.Deliveries.Read());
    }

    [Fact]
    public async Task Our_relay_takes_no_look_alike_for_the_end_of_data()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Access = NobodyTrusted });

        Report report = await ProbeAsync($"127.0.0.1:{Port(relay.Port)}", "--domain", "ours.test", "--end-of-data", "box@ours.test");

        Assert.True(report.Status == 0, report.Transcript);
        string[] ends = [.. report.Checks.Where(static c => c.Key.StartsWith("end of data", StringComparison.Ordinal)).Select(static c => c.Value)];
        Assert.True(ends.Length >= 6 && ends.All(static verdict => verdict == "fine"), report.Transcript);
    }

    [Fact]
    public async Task An_open_Postfix_is_found_open_and_its_old_TLS_is_noted()
    {
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.12", FreePort.On("127.0.0.12"), """
            mynetworks = 0.0.0.0/0
            smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
            smtpd_tls_protocols = >=TLSv1
            tls_medium_cipherlist = ALL:@SECLEVEL=0
            """);

        Report report = await ProbeAsync($"{postfix.Address}:{Port(postfix.Port)}");

        Assert.True(report.Status == 1, report.Transcript);
        Assert.Equal(("relayed", "relayed", "relayed", "relayed"), (report.Tricks["plain"], report.Tricks["null sender"], report.Tricks["source route"], report.Tricks["HELO as localhost"]));
        Assert.Equal(("note", "note", "fine"), (report.Checks["TLSv1.0"], report.Checks["TLSv1.1"], report.Checks["TLSv1.3"]));
        Assert.DoesNotContain("status=", postfix.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_Postfix_that_trusts_a_sender_is_found_by_the_tricks_with_that_sender_alone()
    {
        using var folder = new TempFolder();
        string senders = folder.Write("senders", "postmaster@post.test OK\n");
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.13", FreePort.On("127.0.0.13"), $"smtpd_relay_restrictions = check_sender_access texthash:{senders}, reject_unauth_destination");

        Report report = await ProbeAsync($"{postfix.Address}:{Port(postfix.Port)}", "--domain", PostfixInstance.Domain);

        Assert.True(report.Status == 1, report.Transcript);
        Assert.Equal(["sender postmaster of the domain", "MAIL twice"], report.Tricks.Where(static t => t.Value == "relayed").Select(static t => t.Key));
    }

    [Fact]
    public async Task A_Postfix_as_it_comes_is_not_open()
    {
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.14", FreePort.On("127.0.0.14"));

        Report report = await ProbeAsync($"{postfix.Address}:{Port(postfix.Port)}", "--domain", PostfixInstance.Domain);

        Assert.True(report.Status == 0, report.Transcript);
        Assert.DoesNotContain("relayed", report.Tricks.Values);
        Assert.Equal("fine", report.Checks["command behind STARTTLS"]);
        Assert.DoesNotContain("status=", postfix.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commands_taken_from_before_TLS_and_passwords_in_clear_are_findings()
    {
        using System.Security.Cryptography.X509Certificates.X509Certificate2 certificate = SelfSigned.Create("mx.test");
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { Certificate = certificate, KeepsClearText = true, Keywords = ["AUTH PLAIN LOGIN"], OnRecipient = static _ => "550 5.7.1 no" });

        Report report = await ProbeAsync($"127.0.0.1:{Port(server.Port)}");

        Assert.True(report.Status == 1, report.Transcript);
        Assert.DoesNotContain("relayed", report.Tricks.Values);
        Assert.Equal(["AUTH in clear", "command behind STARTTLS"], report.Checks.Where(static c => c.Value == "finding").Select(static c => c.Key));
    }

    [Fact]
    public async Task Tables_tell_the_same_and_what_cannot_be_reached_is_exit_status_2()
    {
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { OnRecipient = static r => r.Contains('!', StringComparison.Ordinal) ? null : "550 5.7.1 no" });

        await using ToolProcess open = await RelayProcess.CommandAsync("probe", $"127.0.0.1:{Port(server.Port)}", "--pause", "0ms");
        await using ToolProcess nobody = await RelayProcess.CommandAsync("probe", $"127.0.0.1:{Port(FreePort.On("127.0.0.1"))}");

        Assert.True(open.ExitCode == 1, open.Transcript);
        Assert.Contains(open.Output, static line => line.StartsWith("RELAYED", StringComparison.Ordinal) && line.Contains("bang path before the @", StringComparison.Ordinal));
        Assert.Contains(open.Output, static line => line.StartsWith("OPEN", StringComparison.Ordinal));
        Assert.Empty(server.Messages);
        Assert.Equal(2, nobody.ExitCode);
        Assert.Contains("can't be probed", Assert.Single(nobody.Errors, static line => line.Length > 0), StringComparison.Ordinal);
    }

    private static string Port(int port) => port.ToString(CultureInfo.InvariantCulture);

    private static async Task<Report> ProbeAsync(string host, params string[] more)
    {
        await using ToolProcess probe = await RelayProcess.CommandAsync(["probe", host, "--json", "--pause", "0ms", .. more]);
        Assert.True(probe.Output.Count > 0, probe.Transcript);
        using JsonDocument json = JsonDocument.Parse(string.Join('\n', probe.Output));
        return new Report(probe.ExitCode, Verdicts(json, "tricks"), Verdicts(json, "checks"), probe.Transcript);
    }

    private static Dictionary<string, string> Verdicts(JsonDocument json, string part) =>
        json.RootElement.GetProperty(part).EnumerateArray().ToDictionary(static r => r.GetProperty("name").GetString()!, static r => r.GetProperty("verdict").GetString()!);

    private sealed record Report(int Status, Dictionary<string, string> Tricks, Dictionary<string, string> Checks, string Transcript);
}

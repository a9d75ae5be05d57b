using System.Diagnostics;
using System.Globalization;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>What a signature costs a message of 4 KiB: this relay with a key and without, and OpenDKIM as the milter of a Postfix.</summary>
[Collection<Alone>]
public sealed class DkimCostTests
{
    [Fact]
    public async Task What_a_signature_costs_beside_OpenDKIM()
    {
        int messages = LongForm.Wanted ? 20_000 : 300;
        using var oracle = new DkimOracle();
        string key = await oracle.KeyAsync("from.test", "cost");
        TimeSpan plain = await RelayAsync(messages, "");
        TimeSpan signed = await RelayAsync(messages, key);
        TimeSpan milter = await OpenDkimAsync(messages, oracle.KeyFile("cost"));
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"processor for each accepted message of 4 KiB: relay without signature {plain.TotalMicroseconds / messages:0} us, with RSA-2048 {signed.TotalMicroseconds / messages:0} us; OpenDKIM alone, the milter's process, {milter.TotalMicroseconds / messages:0} us"));
    }

    private static async Task<TimeSpan> RelayAsync(int messages, string key)
    {
        // Nothing is delivered meanwhile: what is measured is what accepting costs.
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost("127.0.0.1", 9) with { Tables = key, Log = "level = \"warning\"", Limits = "connections_per_address = 1000" });
        await SmtpSource.SendAsync("127.0.0.1", relay.Port, messages / 10, 20, 4096, "box@to.test");
        TimeSpan before = relay.ProcessorTime;
        await SmtpSource.SendAsync("127.0.0.1", relay.Port, messages, 20, 4096, "box@to.test");
        return relay.ProcessorTime - before;
    }

    private static async Task<TimeSpan> OpenDkimAsync(int messages, string key)
    {
        int port = FreePort.On("127.0.0.11");
        int milterPort = FreePort.On("127.0.0.11");
        using var folder = new TempFolder();
        string settings = folder.Write("opendkim.conf", $"Mode s\nDomain from.test\nSelector cost\nKeyFile {key}\nCanonicalization relaxed/relaxed\nSocket inet:{milterPort}@127.0.0.11\nRequireSafeKeys no\nInternalHosts {folder.Write("hosts", "127.0.0.0/8\n")}\n");
        await using ToolProcess milter = ToolProcess.Start(Tool.Find("opendkim", "opendkim"), ["-f", "-x", settings]);
        await Eventually.True(() => Listening.On("127.0.0.11", milterPort) || milter.HasExited, "opendkim listens");
        Assert.False(milter.HasExited, milter.Transcript);
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.11", port, $"""
            smtpd_milters = inet:127.0.0.11:{milterPort}
            smtpd_client_connection_count_limit = 0
            in_flow_delay = 0
            """);
        using Process process = Process.GetProcessById(milter.Id);
        await SmtpSource.SendAsync("127.0.0.11", port, messages / 10, 20, 4096, $"box@{PostfixInstance.Domain}");
        process.Refresh();
        TimeSpan before = process.TotalProcessorTime;
        await SmtpSource.SendAsync("127.0.0.11", port, messages, 20, 4096, $"box@{PostfixInstance.Domain}");
        process.Refresh();
        TimeSpan took = process.TotalProcessorTime - before;
        await Eventually.True(() => postfix.Mailbox.Contains("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=from.test", StringComparison.Ordinal), "the milter signs");
        return took;
    }
}

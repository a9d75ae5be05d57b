using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>The order of system calls, as the kernel saw it: no promise before the disk has the message.</summary>
public sealed class DurabilityTests
{
    private const int Messages = 200;

    [Fact]
    public async Task No_250_leaves_before_fdatasync_has_returned_0_after_the_write()
    {
        OrderAudit audit = await AuditAsync("sync");

        Figure.Report($"order audit: {audit.Audited} acknowledgements and {audit.Unlinked} removals audited, {audit.Violations.Count} violations");
        Assert.Empty(audit.Violations);
        Assert.Equal(Messages, audit.Audited);
        Assert.Equal(Messages / 10, audit.Unlinked);
    }

    [Fact]
    public async Task The_audit_is_not_blind_it_catches_durability_os()
    {
        OrderAudit audit = await AuditAsync("os");

        Assert.NotEmpty(audit.Violations);
    }

    private static async Task<OrderAudit> AuditAsync(string durability)
    {
        string strace = Tool.Find("strace", "strace");
        await using (ToolProcess probe = await ToolProcess.RunAsync(strace, ["-f", "-o", "/dev/null", "/bin/true"]))
        {
            Assert.SkipWhen(probe.ExitCode != 0, $"ptrace is not permitted here: {probe.Transcript}");
        }

        using var folder = new TempFolder();
        string trace = folder.File("trace");
        await using ScriptedServer server = ScriptedServer.Start();
        Dictionary<string, string> ids = [];
        await using (RelayProcess relay = await RelayProcess.StartAsync(
            RelaySettings.SmartHost(server.Address, server.Port) with { Spool = $"path = \"spool\"\ndurability = \"{durability}\"" },
            environment: null,
            strace, "-D", "-f", "--seccomp-bpf", "-y", "-s", "400000", "-o", trace, "-e", "trace=write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sendto,sendmsg,recvfrom,recvmsg,read,unlink"))
        {
            Task<Dictionary<string, string>>[] clients = [.. Enumerable.Range(0, 5).Select(i => Task.Run(() => SendAsync(relay, i), CancellationToken.None))];
            foreach ((string id, string mark) in (await Task.WhenAll(clients)).SelectMany(sent => sent))
            {
                ids.Add(id, mark);
            }

            await Eventually.True(
                () => server.Count >= Messages && Directory.GetFiles(Path.Combine(relay.Folder, "spool"), "*.msg").Length == 0,
                "all is delivered and settled");
            Assert.Equal(0, await relay.StopAsync());
        }

        return OrderAudit.Of(File.ReadLines(trace), ids);
    }

    /// <summary>Sends this connection's share of the messages, every tenth too large for the log, and gives their queue ids with a mark that stands at the end of each.</summary>
    private static async Task<Dictionary<string, string>> SendAsync(RelayProcess relay, int seed)
    {
        var random = new Random(seed);
        Dictionary<string, string> marks = [];
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        for (int i = 0; i < Messages / 5; i++)
        {
            TestMessage message = TestMessage.Create(random, i % 10 == 9 ? 300_000 : random.Next(2, 8000));
            string mark = $"MARK-{message.Id}";
            string reply = await client.SendMessageAsync("sender@from.test", "user@to.test", (byte[])[.. message.Content, .. System.Text.Encoding.ASCII.GetBytes(mark + "\r\n")]);
            Assert.StartsWith("250 2.0.0 queued as ", reply, StringComparison.Ordinal);
            marks.Add(reply["250 2.0.0 queued as ".Length..], mark);
        }

        return marks;
    }
}

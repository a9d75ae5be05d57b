using System.Net.Sockets;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>
/// kill -9 at every system call (DUR2, DUR13). A life of the relay takes a small and a large message, delivers and settles them, and is killed where it begins its k-th call of
/// one kind; k rises until a life gets through. Between the lives nothing is cleaned: each starts on what the one before left.
/// </summary>
public sealed class KillSweepTests
{
    /// <summary>Where a life may end: thread and call.</summary>
    private static readonly (string Thread, string Call)[] Usual =
    [
        (FaultInjection.Committer, "pwrite64"), (FaultInjection.Committer, "fdatasync"), (FaultInjection.Bodies, "fdatasync"), (FaultInjection.Committer, "fsync"),
        (FaultInjection.Upkeep, "unlink"),
    ];

    private static readonly (string Thread, string Call)[] More =
    [
        (FaultInjection.Bodies, "openat"), (FaultInjection.Bodies, "pwrite64"), (FaultInjection.Committer, "close"), (FaultInjection.All, "sendmsg"), (FaultInjection.All, "sendto"),
        (FaultInjection.All, "recvmsg"), (FaultInjection.All, "futex"),
    ];

    [Fact]
    public async Task Kill_9_at_every_call_of_a_commit_and_of_a_settlement_loses_nothing()
    {
        var ledger = new Ledger();
        var random = new Random(31);
        await using var sink = new ReceiptSink();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(sink.Address, sink.Port) with
        {
            Spool = "path = \"spool\"\nsegment_size = \"1MiB\"",
            Log = "level = \"warning\"",
        });
        int kills = 0;
        var swept = new List<string>();
        foreach ((string thread, string call) in LongForm.Wanted ? [.. Usual, .. More] : Usual)
        {
            int k = 0;
            bool killed;
            do
            {
                k++;
                killed = await LiveAsync(relay, thread, $"{call}:signal=SIGKILL:when={k}", ledger, sink, random);
                if (killed)
                {
                    kills++;
                    await relay.RestartAsync();
                    await Eventually.True(() => ledger.Missing(sink.Receipts) == 0, $"all that was promised arrives after the kill at {call} {k}");
                }
            }
            while (killed && k < 200);
            swept.Add($"{call} in \"{thread}\" {k - 1}");
        }

        await Eventually.True(() => Directory.GetFiles(Spool(relay), "*.msg").Length == 0, "no file of a message is left");
        Assert.Equal(0, await relay.StopAsync());
        LedgerSummary summary = ledger.Summarise(sink.Receipts);
        Figure.Report($"DUR2, {kills} kills at system calls ({string.Join(", ", swept)}): {summary}");
        Assert.Equal(0, summary.Lost);
        Assert.Equal(0, summary.Altered);
        // Two messages are in flight at a kill, at most.
        Assert.True(summary.Duplicated <= 2 * kills && summary.MostCopies <= 2, summary.ToString());
        Assert.False(Directory.Exists(Path.Combine(Spool(relay), "corrupt")), "something was found damaged");
    }

    [Fact]
    public async Task A_crash_between_the_next_hops_250_and_our_record_repeats_that_recipient_only()
    {
        int open = 0;
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript
        {
            OnRecipient = recipient => recipient.Contains("later@", StringComparison.Ordinal) && Volatile.Read(ref open) == 0 ? "450 4.2.0 Not now" : null,
        });
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        using (RawClient client = await RawClient.ConnectAsync(relay.Listener))
        {
            await client.HelloAsync();
            Assert.StartsWith("250 ", await client.CommandAsync("MAIL FROM:<sender@from.test>"), StringComparison.Ordinal);
            Assert.StartsWith("250 ", await client.CommandAsync("RCPT TO:<now@to.test>"), StringComparison.Ordinal);
            Assert.StartsWith("250 ", await client.CommandAsync("RCPT TO:<later@to.test>"), StringComparison.Ordinal);
            Assert.StartsWith("354 ", await client.CommandAsync("DATA"), StringComparison.Ordinal);
            Assert.StartsWith("250 ", await client.CommandAsync("Subject: two\r\n\r\ntext\r\n."), StringComparison.Ordinal);
        }

        // The second attempt comes a second after the first: by then it is on disk that the first recipient has it. The third one succeeds, and isn't recorded.
        await Eventually.True(() => relay.Deliveries.Read().Count(record => record.Event == "deferred") >= 2, "a second attempt for the deferred recipient");
        Volatile.Write(ref open, 1);
        await using (await FaultInjection.AttachAsync(relay, FaultInjection.Committer, "fdatasync:signal=SIGKILL:when=1", "pwrite64:signal=SIGKILL:when=1"))
        {
            await Eventually.True(() => relay.HasExited, "the relay is killed where it records an attempt");
        }

        await relay.RestartAsync();
        await server.MessageAsync(message => message.ForwardPaths.Contains("later@to.test"), "the message for the deferred recipient");
        Assert.Equal(0, await relay.StopAsync());

        int now = server.Messages.Count(message => message.ForwardPaths.Contains("now@to.test"));
        int later = server.Messages.Count(message => message.ForwardPaths.Contains("later@to.test"));
        Figure.Report($"DUR13, crash between the next hop's 250 and our record: the settled recipient got {now} copy, the one in flight {later}");
        Assert.Equal(1, now);
        Assert.InRange(later, 1, 2);
    }

    [Fact]
    public async Task DUR14_kill_9_at_every_call_of_a_report_leaves_at_least_one_report_of_each_failure()
    {
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { OnRecipient = static to => to.Contains("@to.test", StringComparison.Ordinal) ? "550 5.1.1 No such user" : null });
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Spool = "path = \"spool\"\nsegment_size = \"1MiB\"", Log = "level = \"warning\"" });
        var acknowledged = new List<string>();
        int kills = 0;
        foreach (string call in (string[])["pwrite64", "fdatasync"])
        {
            int k = 0;
            bool killed;
            do
            {
                k++;
                killed = await FailAsync(relay, $"{call}:signal=SIGKILL:when={k}", server, acknowledged);
                if (killed)
                {
                    kills++;
                    await relay.RestartAsync();
                }

                await Eventually.True(() => acknowledged.All(id => Reports(server, id) > 0), $"a report of each failure after the kill at {call} {k}");
            }
            while (killed && k < 100);
        }

        Assert.Equal(0, await relay.StopAsync());
        int reports = acknowledged.Sum(id => Reports(server, id));
        Figure.Report($"DUR14, {kills} kills at calls of the committer: {acknowledged.Count} failures acknowledged, {reports} reports of them, none without");
        Assert.True(kills > 2, $"only {kills} kills");
        Assert.InRange(reports, acknowledged.Count, acknowledged.Count + kills);
    }

    private static int Reports(ScriptedServer server, string id) => server.Messages.Count(m => m.ReversePath.Length == 0 && m.Text.Contains(id, StringComparison.Ordinal));

    private static int Delivered(RelayProcess relay) => relay.Deliveries.Read().Count(static r => r.Event == "delivered");

    /// <summary>One message that fails, until its report has come or the relay is killed. Gives whether it was.</summary>
    private static async Task<bool> FailAsync(RelayProcess relay, string injection, ScriptedServer server, List<string> acknowledged)
    {
        await using (await FaultInjection.AttachAsync(relay, FaultInjection.Committer, injection))
        {
            string id = "fails-" + Guid.NewGuid();
            int delivered = Delivered(relay);
            try
            {
                using RawClient client = await RawClient.ConnectAsync(relay.Listener);
                await client.HelloAsync();
                Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", "user@to.test", System.Text.Encoding.ASCII.GetBytes($"Subject: {id}\r\n\r\ntext\r\n")), StringComparison.Ordinal);
                acknowledged.Add(id);
            }
            catch (Exception e) when (e is IOException or SocketException or Xunit.Sdk.XunitException)
            {
                await Eventually.True(() => relay.HasExited, $"a killed relay ({injection}), as {e.Message} says");
                return true;
            }

            // The report is the last to go: when its delivery is settled, nothing waits any more.
            await Eventually.True(() => relay.HasExited || (Reports(server, id) > 0 && Delivered(relay) > delivered), $"the report has come, or the relay is killed ({injection})");
        }

        return await IsKilledAsync(relay);
    }

    /// <summary>A relay that was killed a moment ago may not have ended yet: what answers hasn't been.</summary>
    private static async Task<bool> IsKilledAsync(RelayProcess relay)
    {
        using var http = new HttpClient { BaseAddress = relay.Admin };
        try
        {
            await http.GetStringAsync(new Uri("healthz", UriKind.Relative), TestContext.Current.CancellationToken);
            return false;
        }
        catch (HttpRequestException)
        {
            await Eventually.True(() => relay.HasExited, "a relay that doesn't answer has been killed");
            return true;
        }
    }

    /// <summary>Two messages through the relay, until they are settled or it is killed. Gives whether it was.</summary>
    private static async Task<bool> LiveAsync(RelayProcess relay, string thread, string injection, Ledger ledger, ReceiptSink sink, Random random)
    {
        await using (await FaultInjection.AttachAsync(relay, thread, injection))
        {
            try
            {
                using RawClient client = await RawClient.ConnectAsync(relay.Listener);
                await client.HelloAsync();
                foreach (int size in (int[])[2000, 300_000])
                {
                    TestMessage message = TestMessage.Create(random, size);
                    ledger.Sent(message);
                    Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content), StringComparison.Ordinal);
                    ledger.Acknowledge(message);
                }
            }
            catch (Exception e) when (e is IOException or SocketException or Xunit.Sdk.XunitException)
            {
                await Eventually.True(() => relay.HasExited, $"a killed relay ({injection} in \"{thread}\"), as {e.Message} says");
            }

            // The large message's file goes last, when its settlement is on disk.
            await Eventually.True(
                () => relay.HasExited || (ledger.Missing(sink.Receipts) == 0 && Directory.GetFiles(Spool(relay), "*.msg").Length == 0),
                $"both messages are delivered and settled, or the relay is killed ({injection} in \"{thread}\")");
        }

        return await IsKilledAsync(relay);
    }

    private static string Spool(RelayProcess relay) => Path.Combine(relay.Folder, "spool");
}

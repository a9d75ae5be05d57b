using System.Diagnostics;
using System.Globalization;
using System.Net;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>
/// A disk that fails under the shipped relay (DUR5, DUR8), by system calls that answer an error: what each means for those who wait for a 250, for those who come after, and
/// for the mail that is there already.
/// </summary>
public sealed class DiskFaultTests
{
    private const int Sessions = 10;
    private const int LargestBody = 600 * 1024;

    /// <summary>Thread, and what its calls answer. A failed sync, or a write that failed for anything but space, is final, also when the next call would succeed.</summary>
    public static TheoryData<string, string> FinalFaults()
    {
        var faults = new TheoryData<string, string>
        {
            { FaultInjection.Committer, "fdatasync:error=EIO:when=1" },
            { FaultInjection.Bodies, "fdatasync:error=EIO:when=1" },
            { FaultInjection.Committer, "fsync:error=EIO:when=1" },
            { FaultInjection.Upkeep, "fdatasync:error=EIO:when=1" },
        };
        if (LongForm.Wanted)
        {
            foreach (string error in (string[])["EIO", "ENOSPC", "EROFS", "EDQUOT", "EINVAL"])
            {
                faults.Add(FaultInjection.Committer, $"fdatasync:error={error}:when=3");
                faults.Add(FaultInjection.Committer, $"fdatasync:error={error}:when=1+");
                faults.Add(FaultInjection.Committer, $"fsync:error={error}:when=1+");
                faults.Add(FaultInjection.Bodies, $"fdatasync:error={error}:when=2");
                faults.Add(FaultInjection.Upkeep, $"fsync:error={error}:when=1");
            }

            foreach (string error in (string[])["EIO", "EROFS", "EBADF"])
            {
                faults.Add(FaultInjection.Committer, $"pwrite64:error={error}:when=1");
                faults.Add(FaultInjection.Bodies, $"pwrite64:error={error}:when=1");
                faults.Add(FaultInjection.Upkeep, $"pwrite64:error={error}:when=1");
            }

            faults.Add(FaultInjection.Upkeep, "rename:error=EIO:when=1");
        }

        return faults;
    }

    [Theory]
    [MemberData(nameof(FinalFaults))]
    public async Task After_a_failed_sync_nothing_is_acknowledged_deliveries_go_on_and_a_restart_finds_everything(string thread, string injection)
    {
        var ledger = new Ledger();
        await using var sink = new ReceiptSink(deferred: 0.5);
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings(sink));
        await using SteadyLoad load = SteadyLoad.Start(() => relay.Listener, ledger, Sessions, LargestBody, seed: 5);
        await Eventually.True(() => ledger.Acknowledged > 200, "messages acknowledged");
        using var http = new HttpClient { BaseAddress = relay.Admin };

        TimeSpan degraded;
        int promised;
        string reason;
        await using (await FaultInjection.AttachAsync(relay, thread, injection))
        {
            long start = Stopwatch.GetTimestamp();
            while ((reason = await ReasonAsync(http)).Length == 0)
            {
                Assert.True(Stopwatch.GetElapsedTime(start) < Eventually.Soon, $"{injection} in \"{thread}\" went unnoticed");
            }

            degraded = Stopwatch.GetElapsedTime(start);
            // Promises from before the fault may still be on their way to their clients.
            await RefusedAsync(load, Sessions);
            promised = ledger.Acknowledged;
            await RefusedAsync(load, 3 * Sessions);
            Assert.Equal(promised, ledger.Acknowledged);
        }

        // The fault is gone and the spool stays failed: what the kernel has forgotten doesn't come back. What it holds leaves all the same.
        await RefusedAsync(load, 3 * Sessions);
        Assert.Equal(promised, ledger.Acknowledged);
        sink.Defer(0);
        await Eventually.True(() => ledger.Missing(sink.Receipts) == 0, "all that was promised is delivered by the relay whose disk has failed");
        Assert.All(load.Refusals.Keys, reply => Assert.Equal("451 4.3.0", reply));

        await relay.Kill9Async();
        await relay.RestartAsync();
        await Eventually.True(() => ledger.Acknowledged > promised + 100, "mail is accepted again after the restart");
        await load.StopAsync();
        await Eventually.True(() => ledger.Missing(sink.Receipts) == 0, "all that was promised arrives");
        Assert.Equal(0, await relay.StopAsync());
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"DUR5, {injection} in \"{thread}\": degraded after {degraded.TotalMilliseconds:0} ms ({reason}), refused {load.Refusals["451 4.3.0"]} with 451 4.3.0; {ledger.Summarise(sink.Receipts)}"));
        Assert.Equal(0, ledger.Summarise(sink.Receipts).Altered);
    }

    /// <summary>Faults that concern the messages in hand at most: the relay goes on by itself.</summary>
    public static TheoryData<string, string, string> PassingFaults()
    {
        var faults = new TheoryData<string, string, string>
        {
            { FaultInjection.Committer, "fdatasync:error=EINTR:when=1+3", "" },
            { FaultInjection.Committer, "pwrite64:error=ENOSPC:when=20", "452 4.3.1" },
        };
        if (LongForm.Wanted)
        {
            faults.Add(FaultInjection.Committer, "pwrite64:error=EINTR:when=1+3", "");
            faults.Add(FaultInjection.Committer, "close:error=EIO:when=1+", "");
            faults.Add(FaultInjection.Bodies, "pwrite64:error=ENOSPC:when=3+5", "452 4.3.1");
            faults.Add(FaultInjection.Committer, "fsync:error=EINTR:when=1+3", "");
        }

        return faults;
    }

    [Theory]
    [MemberData(nameof(PassingFaults))]
    public async Task What_passes_is_refused_once_and_loses_nothing(string thread, string injection, string refusal)
    {
        var ledger = new Ledger();
        await using var sink = new ReceiptSink();
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings(sink));
        await using SteadyLoad load = SteadyLoad.Start(() => relay.Listener, ledger, Sessions, LargestBody, seed: 8);
        await Eventually.True(() => ledger.Acknowledged > 100, "messages acknowledged");

        await using (await FaultInjection.AttachAsync(relay, thread, injection))
        {
            int before = ledger.Acknowledged;
            await Eventually.Value(
                () => ledger.Acknowledged > before + 300 && (refusal.Length == 0 || load.Refusals.ContainsKey(refusal)) ? "yes" : null,
                () => $"mail goes on being accepted; refused {string.Join(", ", load.Refusals)}");
            // strace that lets go in the middle of a call which it makes fail leaves it to fail with ENOSYS: a failed disk.
            await load.StopAsync();
            await Eventually.True(() => ledger.Missing(sink.Receipts) == 0, "all that was promised arrives");
        }

        Assert.Equal(0, await relay.StopAsync());
        Figure.Report($"DUR8, {injection} in \"{thread}\": refused {string.Join(", ", load.Refusals)}; {ledger.Summarise(sink.Receipts)}");
        Assert.All(load.Refusals.Keys, reply => Assert.Equal(refusal, reply));
        Assert.Equal(0, ledger.Summarise(sink.Receipts).Altered);
    }

    /// <summary>
    /// A disk that says "written" and didn't: nobody can know at the time. But the checksum tells at the next start, so that the message is set aside and never delivered in part.
    /// </summary>
    [Fact]
    public async Task A_lying_write_is_set_aside_at_the_next_start_and_never_delivered_altered()
    {
        var ledger = new Ledger();
        await using var sink = new ReceiptSink(deferred: 1);
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings(sink));
        TestMessage good = TestMessage.Create(new Random(1), 3000);
        TestMessage gone = TestMessage.Create(new Random(2), 3000);
        TestMessage after = TestMessage.Create(new Random(3), 3000);
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        await SendAsync(client, ledger, good);
        await using (await FaultInjection.AttachAsync(relay, FaultInjection.Committer, "pwrite64:retval=2000:when=1"))
        {
            await SendAsync(client, ledger, gone);
        }

        await SendAsync(client, ledger, after);
        await relay.Kill9Async();
        sink.Defer(0);
        await relay.RestartAsync();

        await Eventually.True(() => sink.Count >= 2, "the two whole messages");
        Assert.Equal(0, await relay.StopAsync());
        Assert.Equivalent(new[] { good.Id, after.Id }, sink.Receipts.Select(receipt => receipt.Id).Distinct());
        Assert.Equal(0, ledger.Summarise(sink.Receipts).Altered);
        string[] aside = Directory.GetFileSystemEntries(Path.Combine(relay.Folder, "spool", "corrupt"));
        Assert.NotEmpty(aside);
        Figure.Report($"DUR8, a lying write: {ledger.Summarise(sink.Receipts)}; set aside: {aside.Length}");
    }

    private static async Task SendAsync(RawClient client, Ledger ledger, TestMessage message)
    {
        ledger.Sent(message);
        Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content), StringComparison.Ordinal);
        ledger.Acknowledge(message);
    }

    private static RelaySettings Settings(ReceiptSink sink) => RelaySettings.SmartHost(sink.Address, sink.Port) with
    {
        Spool = "path = \"spool\"\nsegment_size = \"1MiB\"",
        Log = "level = \"warning\"",
    };

    /// <summary>What /healthz says is wrong; "" when nothing is.</summary>
    private static async Task<string> ReasonAsync(HttpClient http)
    {
        using HttpResponseMessage response = await http.GetAsync(new Uri("healthz", UriKind.Relative), TestContext.Current.CancellationToken);
        return response.StatusCode == HttpStatusCode.OK ? "" : (await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Trim();
    }

    private static async Task RefusedAsync(SteadyLoad load, int more)
    {
        int wanted = load.Refusals.Values.Sum() + more;
        await Eventually.True(() => load.Refusals.Values.Sum() >= wanted, $"{more} more refusals");
    }
}

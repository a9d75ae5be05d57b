using System.Diagnostics;
using System.Globalization;
using System.Net;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>A disk that fills up, runs out of inodes, or turns read-only under load (DUR6, DUR7): the file system's own errors, not injected ones.</summary>
public sealed class SmallDiskTests
{
    private const int Sessions = 10;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_full_disk_answers_452_drains_and_accepts_again_without_a_restart(bool inodes)
    {
        var ledger = new Ledger();
        using var folder = new TempFolder();
        await using MountNamespace space = await MountNamespace.CreateAsync();
        await using LoopDisk? disk = inodes ? null : await LoopDisk.CreateAsync(space, 24, folder.File("disk"));
        if (inodes)
        {
            // Root folder, spool, lock, what marks the folder, four or five segments: a few large messages more.
            Directory.CreateDirectory(folder.File("disk"));
            await using ToolProcess mount = await space.RunAsync(Tool.Find("mount", "mount"), "-t", "tmpfs", "-o", "size=64m,nr_inodes=14", "tmpfs", folder.File("disk"));
            Assert.True(mount.ExitCode == 0, mount.Transcript);
        }

        await using var sink = new ReceiptSink(deferred: 1);
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings(sink, folder.File("disk")), environment: null, space.Wrapper);
        await using SteadyLoad load = SteadyLoad.Start(() => relay.Listener, ledger, Sessions, largestBody: 600 * 1024, seed: 7);
        await Eventually.True(() => load.Refusals.Values.Sum() >= 5 * Sessions, "mail is refused on the full disk");
        int promised = ledger.Acknowledged;

        // Space comes from deliveries alone.
        sink.Defer(0);
        long start = Stopwatch.GetTimestamp();
        await Eventually.True(() => ledger.Acknowledged > promised + 100, "mail is accepted again when some has left");
        TimeSpan again = Stopwatch.GetElapsedTime(start);
        await load.StopAsync();
        await Eventually.True(() => ledger.Missing(sink.Receipts) == 0, "all that was promised arrives");
        Assert.Equal(0, await relay.StopAsync());

        LedgerSummary summary = ledger.Summarise(sink.Receipts);
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"DUR7, {(inodes ? "out of inodes" : "out of space")}: refused {string.Join(", ", load.Refusals)}, accepted again {again.TotalMilliseconds:0} ms after deliveries began; {summary}"));
        Assert.All(load.Refusals.Keys, reply => Assert.Equal("452 4.3.1", reply));
        Assert.Equal(0, summary.Lost);
        Assert.Equal(0, summary.Altered);
    }

    [Fact]
    public async Task A_full_disk_still_stores_the_notification_of_a_message_that_can_not_be_delivered()
    {
        var random = new Random(9);
        using var folder = new TempFolder();
        await using MountNamespace space = await MountNamespace.CreateAsync();
        await using LoopDisk disk = await LoopDisk.CreateAsync(space, 24, folder.File("disk"));
        int defers = 1;
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript
        {
            // Deferred until the disk is full. Then what goes to the user is refused for good, and its notification is taken.
            OnRecipient = recipient => Volatile.Read(ref defers) == 1 ? "450 4.2.0 Not now" : recipient.Contains("user@", StringComparison.Ordinal) ? "550 5.1.1 Nobody" : null,
        });
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with
        {
            Spool = $"path = \"{folder.File("disk")}/spool\"\nsegment_size = \"2MiB\"",
            Log = "level = \"warning\"",
        }, environment: null, space.Wrapper);
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        var accepted = new List<TestMessage>();
        string reply;
        do
        {
            TestMessage message = TestMessage.Create(random, 100_000);
            reply = await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content);
            if (reply.StartsWith("250 ", StringComparison.Ordinal))
            {
                accepted.Add(message);
            }
        }
        while (reply.StartsWith("250 ", StringComparison.Ordinal));

        Assert.StartsWith("452 4.3.1", reply, StringComparison.Ordinal);
        Volatile.Write(ref defers, 0);

        await Eventually.Value(
            () => accepted.TrueForAll(message => server.Messages.Any(notice => notice.Text.Contains(message.Id, StringComparison.Ordinal))) ? "all" : null,
            () => $"{accepted.Count} notifications; there are {server.Count}");
        Assert.All(server.Messages, notice => Assert.Equal("", notice.ReversePath));
        Figure.Report($"DUR7, notifications on a full disk: {accepted.Count} messages accepted until {reply}, {server.Count} notifications delivered");
    }

    [Fact]
    public async Task A_disk_that_turns_read_only_costs_nothing_that_was_promised()
    {
        var ledger = new Ledger();
        using var folder = new TempFolder();
        await using MountNamespace space = await MountNamespace.CreateAsync();
        await using LoopDisk disk = await LoopDisk.CreateAsync(space, 96, folder.File("disk"), "errors=remount-ro,commit=600");
        await using var sink = new ReceiptSink(deferred: 0.5);
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings(sink, folder.File("disk")), environment: null, space.Wrapper);
        await using SteadyLoad load = SteadyLoad.Start(() => relay.Listener, ledger, Sessions, largestBody: 300 * 1024, seed: 6);
        await Eventually.True(() => ledger.Acknowledged > 200, "messages acknowledged");
        string trigger = $"/sys/fs/ext4/{disk.Device}/trigger_fs_error";
        Assert.SkipUnless(File.Exists(trigger), $"no {trigger} in this kernel");

        await File.WriteAllTextAsync(trigger, "1", TestContext.Current.CancellationToken);
        await Eventually.True(() => load.Refusals.Values.Sum() >= 3 * Sessions, "mail is refused on the read-only disk");
        int promised = ledger.Acknowledged;
        await Eventually.True(() => load.Refusals.Values.Sum() >= 6 * Sessions, "mail goes on being refused");
        Assert.Equal(promised, ledger.Acknowledged);
        using var http = new HttpClient { BaseAddress = relay.Admin };
        using (HttpResponseMessage health = await http.GetAsync(new Uri("healthz", UriKind.Relative), TestContext.Current.CancellationToken))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        }

        // The operator repairs the disk; the relay is started again.
        await relay.Kill9Async();
        await disk.UnmountAsync();
        await using (ToolProcess repair = await ToolProcess.RunAsync(Tool.Find("e2fsck", "e2fsprogs"), ["-f", "-y", disk.Image]))
        {
            Assert.True(repair.ExitCode is 0 or 1, repair.Transcript);
        }

        await disk.MountAsync("commit=600");
        sink.Defer(0);
        await relay.RestartAsync();
        await Eventually.True(() => ledger.Acknowledged > promised + 50, "mail is accepted again");
        await load.StopAsync();
        await Eventually.True(() => ledger.Missing(sink.Receipts) == 0, "all that was promised arrives");
        Assert.Equal(0, await relay.StopAsync());
        LedgerSummary summary = ledger.Summarise(sink.Receipts);
        Figure.Report($"DUR6, ext4 turned read-only: refused {string.Join(", ", load.Refusals)}; {summary}");
        Assert.All(load.Refusals.Keys, reply => Assert.Equal("451 4.3.0", reply));
        Assert.Equal(0, summary.Altered);
    }

    private static RelaySettings Settings(ReceiptSink sink, string disk) => RelaySettings.SmartHost(sink.Address, sink.Port) with
    {
        Spool = $"path = \"{disk}/spool\"\nsegment_size = \"2MiB\"",
        Log = "level = \"error\"",
    };
}

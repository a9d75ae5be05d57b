using System.Diagnostics;
using System.Globalization;
using System.Net;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>The relay as a server that the whole world can reach: hostile sessions of every kind, while others send their mail.</summary>
[Collection<Alone>]
public sealed class HostileTests
{
    private const int AtOnce = 40;

    [Fact]
    public async Task Among_hostile_sessions_of_every_kind_nothing_is_relayed_and_the_mail_of_others_is_neither_lost_nor_late()
    {
        int count = LongForm.Wanted ? 3000 : 300;
        using var folder = new TempFolder();
        string users = folder.File("users.toml");
        await using ToolProcess added = await RelayProcess.AskAsync("right\n", "user", "add", "alice", "--users", users, "--sender", "*@from.test");
        Assert.True(added.ExitCode == 0, added.Transcript);
        string recipients = folder.Write("recipients", "user@ours.test\n");
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with
        {
            Listeners = ["starttls"],
            Access = $"relay_from = [\"127.0.0.99/32\"]\nrelay_domains = [\"ours.test\"]\nrecipients = \"{recipients}\"\nusers = \"{users}\"",
            Limits = "command_timeout = \"2s\"",
            Log = "level = \"warning\"",
        });
        var ledger = new Ledger();
        await SendAsync(relay, ledger, 100);

        double[] alone = await SendAsync(relay, ledger, 500);
        long before = relay.Memory;
        Task<int> hostile = AttackAsync(relay.Listener, count);
        var among = new List<double>();
        while (!hostile.IsCompleted || among.Count < 500)
        {
            among.AddRange(await SendAsync(relay, ledger, 50));
        }

        int played = await hostile;
        await Eventually.True(() => ledger.IsComplete(server.Messages), "all that was promised has arrived");
        long peak = relay.PeakMemory;
        Assert.Equal(0, await relay.StopAsync());

        double[] sorted = [.. among.Order()];
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"{played} hostile sessions of {HostileSession.All.Count} kinds: relayed 0, lost {ledger.Missing(server.Messages)} of {ledger.Acknowledged}; a message took p50 {At(alone, 50):0.0} ms, p99 {At(alone, 99):0.0} ms without them and p50 {At(sorted, 50):0.0} ms, p99 {At(sorted, 99):0.0} ms beside them; memory {before / 1048576} MiB, at the most {peak / 1048576} MiB"));
        Assert.Equal(count, played);
        Assert.All(server.Messages.SelectMany(static m => m.ForwardPaths), static path => Assert.Equal("user@ours.test", path));
        Assert.DoesNotContain(server.Messages, static m => m.Header("Subject") == "smuggled" || m.Text.Contains("half a li", StringComparison.Ordinal));
        Assert.True(!LongForm.Wanted || At(sorted, 99) < 2 * At(alone, 99), "the others' mail was late");
    }

    /// <summary>Each kind in turn, from addresses all over the loopback network, some at a time.</summary>
    private static async Task<int> AttackAsync(IPEndPoint server, int count)
    {
        int played = 0;
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = TestContext.Current.CancellationToken }, async (i, cancel) =>
        {
            HostileSession session = HostileSession.All[i % HostileSession.All.Count];
            // A few addresses come again and again, the others once.
            var from = i % 3 == 0 ? new IPAddress([127, 9, 9, (byte)(1 + (i % 5))]) : new IPAddress([127, 10, (byte)(i / 250), (byte)(1 + (i % 250))]);
            await session.PlayAsync(server, from, cancel);
            Interlocked.Increment(ref played);
        });
        return played;
    }

    /// <summary>So many messages of a client that nobody has anything against, one after the other; how long each took, in milliseconds, in ascending order.</summary>
    private static async Task<double[]> SendAsync(RelayProcess relay, Ledger ledger, int count)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener, "127.0.0.50");
        await client.HelloAsync();
        double[] times = new double[count];
        for (int i = 0; i < count; i++)
        {
            TestMessage message = TestMessage.Create(Random.Shared, 4000);
            long start = Stopwatch.GetTimestamp();
            string reply = await client.SendMessageAsync("sender@from.test", "user@ours.test", message.Content, () => ledger.Sent(message));
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            Assert.StartsWith("250 ", reply, StringComparison.Ordinal);
            ledger.Acknowledge(message);
        }

        Array.Sort(times);
        return times;
    }

    private static double At(double[] sorted, int percent) => sorted[Math.Min(sorted.Length - 1, sorted.Length * percent / 100)];
}

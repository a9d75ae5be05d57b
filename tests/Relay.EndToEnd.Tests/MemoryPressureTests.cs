using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>
/// A crowd with large messages and a deep queue, in less memory than either would like. The limit is a control group's, as in a container; where none can be made, the runtime is told of one (three quarters, as it takes of a
/// container's). The long form is 500 messages of 25 MiB at once beside 100,000 that wait.
/// </summary>
[Collection<Alone>]
public sealed class MemoryPressureTests
{
    private const long MiB = 1024 * 1024;
    private const long Memory = 256 * MiB;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(LongForm.Wanted ? 30 : 2);

    [Fact]
    public async Task NET8_a_crowd_with_large_messages_beside_a_deep_queue_passes_through_256_MiB()
    {
        (int entries, int crowd, int mebibytes) = LongForm.Wanted ? (100_000, 500, 25) : (2000, 40, 8);
        using var silent = new TcpListener(IPAddress.Parse("127.0.0.3"), 0);
        silent.Start(100);
        int port = FreePort.On("127.0.0.1");
        var sink = new IPEndPoint(IPAddress.Parse("127.0.0.2"), FreePort.On("127.0.0.2"));
        RelaySettings settings = RelaySettings.SmartHost(sink.Address.ToString(), sink.Port) with
        {
            ListenPort = port,
            Limits = "connections_per_address = 1000\nmessage_size = \"50MiB\"",
            Delivery = "[delivery.timeouts]\ngreeting = \"1h\"",
            Log = "level = \"warning\"",
        };
        using MemoryCgroup? group = MemoryCgroup.TryCreate(Memory);
        var environment = group is null ? new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = (Memory * 3 / 4).ToString("x", CultureInfo.InvariantCulture) } : null;
        RelaySettings held = settings with { Routes = new Dictionary<string, string> { ["wait.test"] = $"smtp://{silent.LocalEndpoint}", ["*"] = $"smtp://{sink}" } };
        await using (RelayProcess relay = await RelayProcess.StartAsync(held, environment, group?.Wrapper ?? []))
        {
            await SmtpSource.SendAsync("127.0.0.1", relay.Port, entries, 50, 4096, "box@wait.test");
            long before = relay.Memory;
            await using LoadRun load = LoadRun.Start(
                new IPEndPoint(IPAddress.Loopback, port), sink,
                "-n", $"{crowd}", "--sessions", $"{crowd}", "--messages-per-connection", "1", "--size", $"{mebibytes}MiB", "--timeout", "30m", "--settle", "2m", "--linger", "100ms");
            using var metrics = new Metrics(relay);
            double pauses = metrics.Value("dotnet_gc_pause_time_seconds_total");
            double longest = 0;
            using var looks = new PeriodicTimer(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            while (!load.HasExited)
            {
                Assert.False(relay.HasExited, $"the relay has ended, OOM kills: {group?.OomKills}\n{string.Join('\n', relay.Errors.TakeLast(20))}");
                double now = metrics.Value("dotnet_gc_pause_time_seconds_total");
                (longest, pauses) = (Math.Max(longest, now - pauses), now);
                await looks.WaitForNextTickAsync(TestContext.Current.CancellationToken);
            }

            JsonElement report = await load.EndAsync(Limit);
            JsonElement ledger = report.GetProperty("ledger");
            long shed = report.GetProperty("replies").EnumerateArray()
                .Where(static reply => reply.GetProperty("side").GetString() != "sink" && reply.GetProperty("code").GetInt32() is 421 or 451 or 452)
                .Sum(static reply => reply.GetProperty("count").GetInt64());
            long waiting = (long)metrics.Value("relay_queue_recipients");
            Figure.Report(string.Create(CultureInfo.InvariantCulture,
                $"NET8, {(group is null ? "no control group can be made here, DOTNET_GCHeapHardLimit 192 MiB" : $"control group {group.Version} of {Memory / MiB} MiB")}: {entries} wait; {crowd} x {mebibytes} MiB at once in {report.GetProperty("seconds").GetDouble():0.0} s: "
                + $"{ledger.GetProperty("acknowledged")} acknowledged, {ledger.GetProperty("lost")} lost, {ledger.GetProperty("altered")} altered, {shed} sent away with 421, 451 or 452; RSS {before / MiB} MiB before, at most {relay.PeakMemory / MiB}; "
                + $"the group at most {group?.Peak / MiB ?? -1} MiB, oom_kill {group?.OomKills ?? 0}; longest pause of the collector between two looks {longest * 1000:0} ms, {pauses:0.0} s in all"));
            Assert.Equal(0, ledger.GetProperty("lost").GetInt64());
            Assert.Equal(0, ledger.GetProperty("altered").GetInt64());
            Assert.Equal(crowd, ledger.GetProperty("acknowledged").GetInt64() + shed);
            Assert.Equal(entries, waiting);
            Assert.Equal(0, group?.OomKills ?? 0);
            Assert.DoesNotContain(relay.Errors, static line => line.Contains(" crit: ", StringComparison.Ordinal));
            // Pages of the program's files are in memory once for all that use them, and count where they were read first.
            Assert.True(relay.PeakMemory < Memory + (96 * MiB), $"{relay.PeakMemory / MiB} MiB");

            // What waited goes as well, in the same memory.
            await using ScriptedServer server = ScriptedServer.Start(new ServerScript { KeepRecords = false }, sink.Address.ToString(), sink.Port);
            await File.WriteAllTextAsync(relay.ConfigFile, settings.ToToml(), TestContext.Current.CancellationToken);
            await relay.Kill9Async();
            await relay.RestartAsync();
            using var again = new Metrics(relay);
            await Eventually.True(() => again.Settled("delivered") >= entries, $"{entries} delivered", Limit);
            Assert.Equal(0, group?.OomKills ?? 0);
            Assert.Equal(0, await relay.StopAsync());
        }
    }
}

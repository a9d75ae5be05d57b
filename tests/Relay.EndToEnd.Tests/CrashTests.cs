using System.Diagnostics;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

public sealed class CrashTests
{
    private const int Connections = 20;
    private const int LargestBody = 200 * 1024;

    /// <summary>
    /// That a message was delivered is on disk 50 ms later at most; a copy that came earlier than that before the kill must not come again. The rest is what a loaded
    /// machine needs between the peer's 250 and our record of it.
    /// </summary>
    private static readonly TimeSpan InFlight = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task Kill_9_in_mid_load_loses_nothing_and_alters_nothing()
    {
        int rounds = LongForm.Scale(10);
        int seed = Environment.TickCount;
        var random = new Random(seed);
        var ledger = new Ledger();
        List<long> kills = [];
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        await using SteadyLoad load = SteadyLoad.Start(() => relay.Listener, ledger, Connections, LargestBody, seed);

        for (int round = 0; round < rounds; round++)
        {
            // A random number of promises more, so that the kill falls anywhere in the traffic.
            int target = ledger.Acknowledged + random.Next(1, 500);
            await Eventually.Value(
                () => ledger.Acknowledged >= target ? "go" : null,
                () => $"round {round}: {ledger.Acknowledged} of {target} acknowledged, relay exited: {relay.HasExited}\n{string.Join('\n', relay.Errors.TakeLast(20))}");
            await relay.Kill9Async();
            kills.Add(Stopwatch.GetTimestamp());
            await relay.RestartAsync();
        }

        await load.StopAsync();
        await Eventually.Value(
            () => ledger.IsComplete(server.Messages) ? "all" : null,
            () => $"{ledger.Missing(server.Messages)} of {ledger.Acknowledged} acknowledged messages have not arrived (seed {seed})",
            TimeSpan.FromMinutes(2));
        Assert.Equal(0, await relay.StopAsync());

        IReadOnlyList<ArrivedMessage> arrived = server.Messages;
        LedgerSummary summary = ledger.Summarise(arrived);
        List<int> perKill = [.. kills.Select(kill => RepeatedAcross(kill, arrived))];
        Figure.Report($"{rounds} kills (seed {seed}): {summary}; repeated after one kill: at most {perKill.Max()}");
        Assert.Equal(0, summary.Lost);
        Assert.Equal(0, summary.Altered);
        Assert.All(arrived.GroupBy(Ledger.IdOf), copies => AssertRepeatedOnlyByKills([.. copies.Select(copy => copy.At).Order()], kills));
    }

    [Fact]
    public async Task Kill_9_with_a_closed_destination_keeps_all_mail_for_the_next_life()
    {
        const int Messages = 300;
        int port = FreePort.On("127.0.0.2");
        var ledger = new Ledger();
        var random = new Random(5);
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost("127.0.0.2", port));
        using (RawClient client = await RawClient.ConnectAsync(relay.Listener))
        {
            await client.HelloAsync();
            for (int i = 0; i < Messages; i++)
            {
                // Every tenth is larger than a log record may be.
                TestMessage message = TestMessage.Create(random, i % 10 == 0 ? 300_000 : random.Next(2, 20_000));
                ledger.Sent(message);
                Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content), StringComparison.Ordinal);
                ledger.Acknowledge(message);
            }
        }

        await relay.Kill9Async();
        await using ScriptedServer server = ScriptedServer.Start(address: "127.0.0.2", port: port);
        await relay.RestartAsync();

        await Eventually.Value(() => ledger.IsComplete(server.Messages) ? "all" : null, () => $"{ledger.Missing(server.Messages)} of {Messages} have not arrived");
        Assert.Equal(0, await relay.StopAsync());
        LedgerSummary summary = ledger.Summarise(server.Messages);
        Assert.Equal(new LedgerSummary(Messages, Messages, Lost: 0, Duplicated: 0, MostCopies: 1, Altered: 0, Ghosts: 0), summary);
    }

    private static int RepeatedAcross(long kill, IReadOnlyList<ArrivedMessage> arrived) =>
        arrived.GroupBy(Ledger.IdOf).Count(copies => copies.Any(copy => copy.At <= kill) && copies.Any(copy => copy.At > kill));

    private static void AssertRepeatedOnlyByKills(List<long> copies, List<long> kills)
    {
        foreach ((long earlier, long later) in copies.Zip(copies.Skip(1)))
        {
            Assert.True(
                kills.Exists(kill => later > kill && Stopwatch.GetElapsedTime(earlier, kill) <= InFlight && Stopwatch.GetElapsedTime(earlier, kill) > -InFlight),
                $"delivered again {Stopwatch.GetElapsedTime(earlier, later).TotalMilliseconds:0} ms later without a kill in between");
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>A disk whose every sync takes two seconds (DUR9): who waits for it waits, and nobody else.</summary>
[Collection<Alone>]
public sealed class SlowDiskTests
{
    private const int Senders = 100;

    /// <summary>More in one session, and the relay has had enough of it.</summary>
    private const int Noops = 50;

    [Fact]
    public async Task Sessions_that_wait_for_a_slow_disk_hold_up_no_other()
    {
        int messages = LongForm.Scale(1) * Senders;
        var ledger = new Ledger();
        await using var sink = new ReceiptSink();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(sink.Address, sink.Port) with
        {
            Spool = "path = \"spool\"\nsegment_size = \"8MiB\"",
            Log = "level = \"warning\"",
        });
        var noops = new List<double>();
        TimeSpan took;
        await using (await FaultInjection.AttachAsync(relay, FaultInjection.Committer, "fdatasync:delay_exit=2000000"))
        {
            long start = Stopwatch.GetTimestamp();
            await using SteadyLoad load = SteadyLoad.Start(() => relay.Listener, ledger, Senders, largestBody: 20_000, seed: 4);
            while (ledger.Acknowledged < messages)
            {
                Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(3), $"{ledger.Acknowledged} of {messages} acknowledged");
                using RawClient bystander = await RawClient.ConnectAsync(relay.Listener);
                await bystander.HelloAsync();
                for (int i = 0; i < Noops; i++)
                {
                    long asked = Stopwatch.GetTimestamp();
                    Assert.StartsWith("250 ", await bystander.CommandAsync("NOOP"), StringComparison.Ordinal);
                    noops.Add(Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
                }
            }

            took = Stopwatch.GetElapsedTime(start);
            Assert.Empty(load.Refusals);
        }

        await Eventually.True(() => ledger.Missing(sink.Receipts) == 0, "all that was promised arrives");
        noops.Sort();
        double p99 = noops[(int)(noops.Count * 0.99)];
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"DUR9, 2 s for a sync, {Senders} senders: {messages / took.TotalSeconds:0} messages/s, NOOP of another session p99 {p99:0.0} ms of {noops.Count}; {ledger.Summarise(sink.Receipts)}"));
        // A wait behind one sync would be 2 s.
        Assert.True(p99 < 1000, $"p99 of NOOP is {p99} ms");
        Assert.Equal(0, ledger.Summarise(sink.Receipts).Altered);
    }
}

using SmtpBlaster.Net;
using SmtpBlaster.Sink;
using SmtpBlaster.Source;
using SmtpBlaster.Tests.Harness;

namespace SmtpBlaster.Tests.Source;

[Collection(nameof(AllocationTests))]
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
public sealed class AllocationTests
{
    // Octets a message: less than the smallest object has.
    private const double Allowed = 15;

    [Fact]
    public async Task A_message_on_an_open_connection_allocates_nothing_on_either_side()
    {
        await AllocatedAsync(1000);
        double least = double.MaxValue;
        for (int i = 0; i < 3 && least > Allowed; i++)
        {
            // The difference leaves out what a run itself needs, and most of what adding histograms takes for each value that differs; the least of three, what the rest of the process did meanwhile.
            long few = await AllocatedAsync(10_000);
            least = Math.Min(least, (await AllocatedAsync(40_000) - few) / 30_000.0);
        }

        Assert.InRange(least, -50, Allowed);
    }

    private static async Task<long> AllocatedAsync(long count)
    {
        var sink = new SinkRun(Blaster.Sink() with { Interval = 1000 * Clock.Second }, null);
        sink.Start();
        long before = GC.GetTotalAllocatedBytes(precise: true);
        SourceResult sent = await new SourceRun(Blaster.Source(sink.Addresses[0]) with { Count = count, Interval = 1000 * Clock.Second }, null, null).RunAsync(TestContext.Current.CancellationToken);
        long after = GC.GetTotalAllocatedBytes(precise: true);
        await sink.StopAsync();
        Assert.Equal(count, sent.Counters.Acknowledged);
        return after - before;
    }
}

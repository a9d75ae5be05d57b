using SmtpBlaster.Net;
using SmtpBlaster.Sink;
using SmtpBlaster.Source;
using SmtpBlaster.Tests.Harness;

namespace SmtpBlaster.Tests.Source;

[Collection(nameof(AllocationTests))]
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
public sealed class AllocationTests
{
    [Fact]
    public async Task A_message_on_an_open_connection_allocates_nothing_on_either_side()
    {
        await AllocatedAsync(1000);
        long few = await AllocatedAsync(1000);
        long many = await AllocatedAsync(11_000);
        // Two octets in the ledger of the sink, and the Date field once a second.
        Assert.InRange((many - few) / 10_000.0, -20, 15);
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

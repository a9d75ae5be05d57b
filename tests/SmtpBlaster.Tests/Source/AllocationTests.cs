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
        long before = 0, after = 0;
        int points = 0;
        var sink = new SinkRun(Blaster.Sink() with { Interval = 1000 * Clock.Second }, null);
        sink.Start();
        SourceOptions options = Blaster.Source(sink.Addresses[0]) with { Count = long.MaxValue, Interval = Clock.Second / 2 };
        using var stop = new CancellationTokenSource();
        long messages = 0;
        var run = new SourceRun(options, null, point =>
        {
            // The first interval warms up; what an interval itself allocates is its histogram.
            points++;
            if (points == 2)
            {
                before = GC.GetTotalAllocatedBytes(precise: false);
            }
            else if (points == 3)
            {
                after = GC.GetTotalAllocatedBytes(precise: false);
                messages = point.Messages;
                stop.Cancel();
            }
        });
        await run.RunAsync(stop.Token);
        await sink.StopAsync();
        Assert.True(messages > 100, $"{messages} messages are too few to tell");
        // A histogram, and what the runtime allocates on its own.
        Assert.InRange(after - before, 0, 1_000_000 + messages);
    }
}

using Relay.Telemetry;
using Relay.Testing;

namespace Relay.Tests.Telemetry;

public sealed class RelayMetricsTests : IDisposable
{
    private readonly RelayMetrics _metrics = new();
    private readonly CounterReader _counters;

    public RelayMetricsTests() => _counters = new CounterReader(_metrics.Meter);

    public void Dispose()
    {
        _counters.Dispose();
        _metrics.Dispose();
    }

    [Fact]
    public void Every_event_is_counted_where_it_belongs()
    {
        UseAll();
        _metrics.ObserveQueue(() => 42, () => 7);
        _metrics.ObserveSpool(() => (0, 2, 1), "os");
        _counters.Observe();

        Assert.Equal(0, _counters["relay.inbound.open"]);
        Assert.Equal(1, _counters["relay.inbound.closed Quit"]);
        Assert.Equal(1, _counters["relay.recipients.refused 550"]);
        Assert.Equal(1, _counters["relay.messages.received"]);
        Assert.Equal(4096, _counters["relay.messages.received.size"]);
        Assert.Equal(1, _counters["relay.recipients.settled delivered"]);
        Assert.Equal(0.002, _counters["relay.spool.commit"]);
        Assert.Equal(17, _counters["relay.spool.commit.messages"]);
        Assert.Equal(0, _counters["relay.outbound.open"]);
        Assert.Equal(1, _counters["relay.outbound.opened"]);
        Assert.Equal(1, _counters["relay.outbound.failed Timeout"]);
        Assert.Equal(42, _counters["relay.queue.recipients"]);
        Assert.Equal(7, _counters["relay.queue.parked"]);
        Assert.Equal(0, _counters["relay.spool.healthy"]);
        Assert.Equal((0, 2, 1), (_counters["relay.spool.folders healthy"], _counters["relay.spool.folders full"], _counters["relay.spool.folders failed"]));
        Assert.Equal(1, _counters["relay.spool.durability os"]);
        Assert.All(_counters.Names, n => Assert.StartsWith("relay.", n, StringComparison.Ordinal));
    }

    [Fact]
    public void Counting_allocates_nothing()
    {
        using var silent = new RelayMetrics();
        Assert.Equal(0, Allocations.Of(() => UseAll(silent)));
    }

    private static void UseAll(RelayMetrics metrics)
    {
        metrics.InboundOpened();
        metrics.InboundClosed("Quit");
        metrics.RecipientRefused(550);
        metrics.MessageReceived(4096);
        metrics.RecipientSettled("delivered");
        metrics.SpoolCommitted(0.002, 17);
        metrics.OutboundOpened();
        metrics.OutboundClosed("idle");
        metrics.OutboundFailed("Timeout");
    }

    private void UseAll() => UseAll(_metrics);
}

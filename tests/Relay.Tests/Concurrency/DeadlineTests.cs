using Microsoft.Extensions.Time.Testing;
using Relay.Concurrency;

namespace Relay.Tests.Concurrency;

public class DeadlineTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_deadline_calls_back_within_a_beat_and_not_before()
    {
        using var heartbeat = new Heartbeat(_time);
        int calls = 0;
        using Deadline deadline = heartbeat.Register(() => calls++);
        deadline.Set(TimeSpan.FromSeconds(5));
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.Equal(0, calls);
        Assert.False(deadline.HasExpired);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.True(calls > 0);
        Assert.True(deadline.HasExpired);
    }

    [Fact]
    public void A_deadline_set_anew_or_cleared_or_disposed_is_silent()
    {
        using var heartbeat = new Heartbeat(_time);
        int calls = 0;
        Deadline first = heartbeat.Register(() => calls++);
        using Deadline second = heartbeat.Register(() => calls++);
        first.Set(TimeSpan.FromSeconds(1));
        second.Set(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(0.5));
        first.Dispose();
        second.Set(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(0.7));
        Assert.Equal(0, calls);
        second.Clear();
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(0, calls);
    }

    [Fact]
    public void A_wait_longer_than_time_itself_never_ends()
    {
        using var heartbeat = new Heartbeat(_time);
        using Deadline deadline = heartbeat.Register(() => { });
        deadline.Set(TimeSpan.MaxValue);
        _time.Advance(TimeSpan.FromDays(1));
        Assert.False(deadline.HasExpired);
    }
}

using Relay.Flow.Queue;

namespace Relay.Tests.Flow.Queue;

public class RetryScheduleTests
{
    private static readonly DateTimeOffset Arrived = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);
    private static readonly RetrySchedule Schedule = new([TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(10)], TimeSpan.FromDays(5));

    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 10)]
    [InlineData(3, 10)]
    [InlineData(100, 10)]
    public void The_wait_follows_the_list_and_then_its_last_entry_with_jitter(int attempts, double minutes)
    {
        var waits = new List<double>();
        var random = new Random(1);
        for (int i = 0; i < 200; i++)
        {
            waits.Add((Schedule.Next(Arrived, attempts, Arrived.AddHours(1), random)!.Value - Arrived.AddHours(1)).TotalMinutes);
        }

        Assert.All(waits, w => Assert.InRange(w, minutes * 0.75, minutes * 1.25));
        Assert.True(waits.Max() - waits.Min() > minutes * 0.4, "they spread");
    }

    [Fact]
    public void The_last_try_is_at_the_end_of_the_messages_time_and_then_there_is_none()
    {
        DateTimeOffset end = Arrived.AddDays(5);
        Assert.Equal(end, Schedule.Next(Arrived, 9, end.AddMinutes(-1), new Random(1)));
        Assert.Null(Schedule.Next(Arrived, 9, end, new Random(1)));
    }
}

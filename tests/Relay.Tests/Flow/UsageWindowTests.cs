using Relay.Flow.Policy;

namespace Relay.Tests.Flow;

public class UsageWindowTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 30, 8, 0, 0, TimeSpan.Zero);

    private readonly UsageWindow _hour = new(TimeSpan.FromMinutes(1), 60);

    [Fact]
    public void The_hour_that_lies_behind_is_counted_not_that_of_the_clock()
    {
        // 8:59:30 and 9:00:30 are one minute apart, whatever the clock calls them.
        _hour.Add(Start.AddSeconds((59 * 60) + 30), 5);
        _hour.Add(Start.AddSeconds((60 * 60) + 30), 5);
        Assert.Equal(10, _hour.Total);
        _hour.MoveTo(Start.AddMinutes(59 + 60).AddSeconds(59));
        Assert.Equal(10, _hour.Total);
        _hour.MoveTo(Start.AddMinutes(59 + 61));
        Assert.Equal(5, _hour.Total);
        _hour.MoveTo(Start.AddMinutes(60 + 61));
        Assert.Equal(0, _hour.Total);
    }

    [Fact]
    public void It_agrees_with_a_list_of_all_that_came()
    {
        var random = new Random(7);
        var came = new List<DateTimeOffset>();
        DateTimeOffset now = Start;
        for (int i = 0; i < 5000; i++)
        {
            now += TimeSpan.FromSeconds(random.Next(4) == 0 ? random.Next(4000) : random.Next(30));
            _hour.Add(now, 1);
            came.Add(now);
            int truly = came.Count(t => t > now - TimeSpan.FromHours(1));
            int atMost = came.Count(t => t > now - TimeSpan.FromMinutes(61));
            Assert.InRange(_hour.Total, truly, atMost);
            int limit = random.Next(1, 20);
            if (_hour.Total >= limit)
            {
                DateTimeOffset free = _hour.FreeAt(now, limit);
                Assert.True(came.Count(t => t > free - TimeSpan.FromMinutes(60)) < limit, "it isn't free then");
                Assert.True(came.Count(t => t > free - TimeSpan.FromMinutes(61) - TimeSpan.FromMinutes(1)) >= limit, "it was free long before");
            }
        }
    }

    [Fact]
    public void A_clock_that_was_set_back_forgets_nothing()
    {
        _hour.Add(Start, 3);
        _hour.Add(Start.AddHours(-2), 2);
        Assert.Equal(5, _hour.Total);
        _hour.MoveTo(Start.AddMinutes(61));
        Assert.Equal(0, _hour.Total);
    }

    [Fact]
    public void What_was_kept_counts_on_but_not_what_is_old_or_of_a_time_to_come()
    {
        _hour.Add(Start, 3);
        _hour.Add(Start.AddMinutes(30), 4);
        long[] kept = _hour.ToPairs();
        var again = new UsageWindow(TimeSpan.FromMinutes(1), 60);
        again.Restore([.. kept, kept[^2] + 1000, 9, 5, 9, kept[0], -1], Start.AddMinutes(40));
        Assert.Equal(7, again.Total);
        again.MoveTo(Start.AddMinutes(61));
        Assert.Equal(4, again.Total);
        var late = new UsageWindow(TimeSpan.FromMinutes(1), 60);
        late.Restore(kept, Start.AddMinutes(70));
        Assert.Equal(4, late.Total);
    }
}

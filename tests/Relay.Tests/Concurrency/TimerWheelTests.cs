using Relay.Concurrency;

namespace Relay.Tests.Concurrency;

public class TimerWheelTests
{
    [Fact]
    public void Every_item_comes_up_at_its_own_tick_and_never_before()
    {
        var random = new Random(7);
        var wheel = new TimerWheel<Item>(0);
        var waiting = new SortedDictionary<long, int>();
        long now = 0;
        for (int round = 0; round < 3000; round++)
        {
            for (int i = random.Next(5); i > 0; i--)
            {
                // All four levels: the next ticks, minutes, days, and behind the horizon of what one slot of the top level holds.
                long ahead = random.Next(4) switch { 0 => random.Next(3), 1 => random.Next(300), 2 => random.Next(70_000), _ => random.Next(20_000_000) };
                long due = Math.Max(now + ahead, now + 1);
                wheel.Add(new Item { DueTick = now + ahead, Comes = due });
                waiting[due] = waiting.GetValueOrDefault(due) + 1;
            }

            now += random.Next(10) == 0 ? random.Next(100_000) : random.Next(3);
            int expected = 0;
            foreach ((long tick, int count) in waiting.TakeWhile(w => w.Key <= now).ToList())
            {
                expected += count;
                waiting.Remove(tick);
            }

            int seen = 0;
            long last = 0;
            for (Item? item = wheel.Advance(now); item is not null; item = item.Next)
            {
                seen++;
                Assert.True(item.DueTick <= now);
                Assert.True(item.Comes >= last, "handed out in the order of their times");
                last = item.Comes;
            }

            Assert.Equal(expected, seen);
            Assert.Equal(waiting.Values.Sum(), wheel.Count);
        }
    }

    [Fact]
    public void An_item_beyond_the_horizon_waits_on()
    {
        var wheel = new TimerWheel<Item>(0);
        wheel.Add(new Item { DueTick = long.MaxValue / 2 });
        Assert.Null(wheel.Advance(1_000_000));
        Assert.Equal(1, wheel.Count);
    }

    private sealed class Item : ILinked<Item>, ITimed
    {
        public long DueTick { get; init; }

        /// <summary>The tick after the one at which it was added, when it was due already.</summary>
        public long Comes { get; init; }

        public Item? Next { get; set; }
    }
}

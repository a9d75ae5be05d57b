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

    [Fact]
    public void What_is_taken_out_does_not_come_up_and_everything_else_comes_at_its_time()
    {
        var random = new Random(11);
        var wheel = new TimerWheel<Item>(0);
        List<Item> items = [.. Enumerable.Range(0, 5000).Select(_ => new Item { DueTick = random.Next(1, random.Next(2) == 0 ? 300 : 100_000) })];
        items.ForEach(wheel.Add);
        wheel.Advance(50);
        HashSet<Item> wanted = [.. items.Where(i => i.DueTick > 50 && random.Next(3) == 0)];

        var removed = new HashSet<Item>();
        for (Item? item = wheel.Remove(wanted.Contains); item is not null; item = item.Next)
        {
            Assert.True(removed.Add(item));
        }

        Assert.Equal(wanted, removed);
        Assert.Equal(items.Count(i => i.DueTick > 50) - removed.Count, wheel.Count);
        int come = 0;
        for (long now = 51; wheel.Count > 0; now++)
        {
            for (Item? item = wheel.Advance(now); item is not null; item = item.Next)
            {
                come++;
                Assert.Equal(now, item.DueTick);
                Assert.DoesNotContain(item, removed);
            }
        }

        Assert.Equal(items.Count(i => i.DueTick > 50) - removed.Count, come);
    }

    private sealed class Item : ILinked<Item>, ITimed
    {
        public long DueTick { get; init; }

        /// <summary>The tick after the one at which it was added, when it was due already.</summary>
        public long Comes { get; init; }

        public Item? Next { get; set; }
    }
}

using Relay.Concurrency;
using Relay.Flow.Queue;
using Relay.Testing;

namespace Relay.Tests.Flow.Queue;

public class FairQueueTests
{
    [Fact]
    public void Items_of_one_tenant_and_priority_come_in_the_order_of_their_arrival()
    {
        var queue = new FairQueue<Item>();
        for (int i = 0; i < 100; i++)
        {
            queue.Add(new Item { Number = i }, 0, 1, 0, 1 + i % 3);
        }

        Assert.Equal(100, queue.Count);
        Assert.Equal(Enumerable.Range(0, 100), TakeAll(queue).Select(i => i.Number));
        Assert.Equal(0, queue.Count);
        Assert.False(queue.TryTake(out _));
    }

    [Fact]
    public void A_taken_item_has_its_link_back()
    {
        var queue = new FairQueue<Item>();
        queue.Add(new Item(), 0, 1, 0, 1);
        queue.Add(new Item(), 0, 1, 0, 1);
        Assert.True(queue.TryTake(out Item? item));
        Assert.Null(item.Next);
    }

    [Fact]
    public void Urgent_items_overtake_and_yet_every_eighth_is_of_the_lowest_class()
    {
        var queue = new FairQueue<Item>();
        foreach (int priority in (int[])[-9, 9])
        {
            for (int i = 0; i < 70; i++)
            {
                queue.Add(new Item { Priority = priority }, 0, 1, priority, 1);
            }
        }

        int[] order = [.. TakeAll(queue).Select(i => i.Priority)];
        Assert.Equal([.. Enumerable.Range(1, 80).Select(i => i % 8 == 0 ? -9 : 9)], order[..80]);
        Assert.All(order[80..], p => Assert.Equal(-9, p));
    }

    [Fact]
    public void No_class_waits_for_more_than_nine_items_of_the_others()
    {
        var queue = new FairQueue<Item>();
        int[] passedOver = new int[3];
        void Add(int priority) => queue.Add(new Item { Priority = priority }, 0, 1, priority, 1);
        Add(-1);
        Add(0);
        Add(1);
        for (int i = 0; i < 1000; i++)
        {
            Assert.True(queue.TryTake(out Item? item));
            for (int c = 0; c < 3; c++)
            {
                passedOver[c] = item.Priority == c - 1 ? 0 : passedOver[c] + 1;
                Assert.InRange(passedOver[c], 0, 8);
            }

            // Every class always has one waiting.
            Add(item.Priority);
        }
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 3, 9)]
    [InlineData(100, 1, 7)]
    public void Tenants_that_always_have_mail_share_by_their_weights(int first, int second, int third)
    {
        int[] weights = [first, second, third];
        var random = new Random(first);
        var queue = new FairQueue<Item>();
        int[] largest = [1, 12, 3];
        long[] taken = new long[3];
        void Add(int tenant) => queue.Add(new Item { Tenant = tenant }, tenant, weights[tenant], random.Next(-1, 2), 1 + random.Next(largest[tenant]));
        for (int tenant = 0; tenant < 3; tenant++)
        {
            Add(tenant);
            Add(tenant);
            Add(tenant);
        }

        for (int i = 0; i < 20_000; i++)
        {
            Assert.True(queue.TryTake(out Item? item));
            taken[item.Tenant] += item.Cost;
            Add(item.Tenant);
            for (int a = 0; a < 3; a++)
            {
                for (int b = 0; b < a; b++)
                {
                    double ahead = (double)taken[a] / weights[a] - (double)taken[b] / weights[b];
                    double bound = FairQueue<Item>.Quantum + (double)largest[a] / weights[a] + (double)largest[b] / weights[b];
                    Assert.True(Math.Abs(ahead) <= bound, $"after {i} items {a} is ahead of {b} by {ahead}, of {bound}");
                }
            }
        }
    }

    [Fact]
    public void A_tenant_that_was_idle_has_nothing_saved_up_and_waits_for_no_more_than_one_share()
    {
        var queue = new FairQueue<Item>();
        queue.Add(new Item { Tenant = 2 }, 2, 1, 0, 1);
        Assert.True(queue.TryTake(out _));
        for (int i = 0; i < 1000; i++)
        {
            queue.Add(new Item { Tenant = 1 }, 1, 1, 0, 1);
        }

        for (int i = 0; i < 500; i++)
        {
            Assert.True(queue.TryTake(out _));
        }

        for (int i = 0; i < 100; i++)
        {
            queue.Add(new Item { Tenant = 2 }, 2, 1, 0, 1);
        }

        int[] order = [.. TakeAll(queue).Select(i => i.Tenant)];
        Assert.InRange(order.TakeWhile(t => t == 1).Count(), 0, FairQueue<Item>.Quantum);
        Assert.Equal(100, order.Take(204).Count(t => t == 2));
    }

    [Fact]
    public void A_thousand_tenants_with_one_message_each_are_not_behind_one_with_a_thousand()
    {
        var queue = new FairQueue<Item>();
        for (int i = 0; i < 1000; i++)
        {
            queue.Add(new Item { Tenant = 0 }, 0, 1, 0, 1);
        }

        for (int tenant = 1; tenant <= 1000; tenant++)
        {
            queue.Add(new Item { Tenant = tenant }, tenant, 1, 0, 1);
        }

        Assert.All(TakeAll(queue).Take(1000 + FairQueue<Item>.Quantum).Skip(FairQueue<Item>.Quantum), i => Assert.NotEqual(0, i.Tenant));
    }

    [Fact]
    public void A_new_weight_holds_for_what_waits_already()
    {
        var queue = new FairQueue<Item>();
        for (int i = 0; i < 100; i++)
        {
            queue.Add(new Item { Tenant = 1 }, 1, 1, 0, 1);
            queue.Add(new Item { Tenant = 2 }, 2, 1, 0, 1);
        }

        queue.Add(new Item { Tenant = 1 }, 1, 4, 0, 1);
        Assert.Equal(80, TakeAll(queue).Take(100).Count(i => i.Tenant == 1));
    }

    [Fact]
    public void Random_loads_come_out_as_a_slow_and_obvious_model_says()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var queue = new FairQueue<Item>();
            var model = new Model();
            int tenants = 1 + random.Next(6);
            int number = 0;
            for (int step = 0; step < 400; step++)
            {
                // Now more comes than goes, now the other way, so that tenants come and leave.
                if (random.Next(100) < (step / 50 % 2 == 0 ? 70 : 30))
                {
                    int tenant = random.Next(tenants);
                    int priority = random.Next(-1, 2) * random.Next(10);
                    int cost = random.Next(10) == 0 ? 1 + random.Next(40) : 1;
                    var item = new Item { Number = number++, Tenant = tenant, Priority = priority };
                    queue.Add(item, tenant, 1 + tenant, priority, cost);
                    model.Add(item, 1 + tenant, cost);
                }
                else if (random.Next(20) == 0)
                {
                    // Out of turn, all of one remainder, as when their time is over.
                    int remainder = random.Next(3);
                    var taken = new Fifo<Item>();
                    queue.MoveTo(ref taken, i => i.Number % 3 == remainder);
                    Assert.Equal(model.RemoveAll(i => i.Number % 3 == remainder).Order(), Numbers(taken).Order());
                }
                else
                {
                    Assert.Equal(model.Take()?.Number, queue.TryTake(out Item? item) ? item.Number : null);
                }

                Assert.Equal(model.Count, queue.Count);
            }
        }
    }

    [Fact]
    public void Adding_and_taking_allocate_nothing()
    {
        var queue = new FairQueue<Item>();
        Item[] items = [.. Enumerable.Range(0, 60).Select(i => new Item { Tenant = i % 5, Priority = i % 3 - 1 })];
        Assert.Equal(0, Allocations.Of(() =>
        {
            foreach (Item item in items)
            {
                queue.Add(item, item.Tenant, 1 + item.Tenant, item.Priority, 1);
            }

            while (queue.TryTake(out _))
            {
            }
        }));
    }

    private static List<int> Numbers(Fifo<Item> items)
    {
        var numbers = new List<int>();
        while (items.First is not null)
        {
            numbers.Add(items.Take().Number);
        }

        return numbers;
    }

    private static List<Item> TakeAll(FairQueue<Item> queue)
    {
        var all = new List<Item>();
        while (queue.TryTake(out Item? item))
        {
            all.Add(item);
        }

        return all;
    }

    private sealed class Item : ILinked<Item>, ICosted
    {
        public int Number { get; init; }

        public int Tenant { get; init; }

        public int Priority { get; init; }

        public int Cost { get; set; }

        public Item? Next { get; set; }
    }

    /// <summary>The same rules said with lists: a round is a list of tenants, of which the first has the turn.</summary>
    private sealed class Model
    {
        private readonly List<Tenant> _round = [];

        public int Count => _round.Sum(t => t.Waiting.Count);

        public void Add(Item item, int weight, int cost)
        {
            Tenant? tenant = _round.Find(t => t.Name == item.Tenant);
            if (tenant is null)
            {
                _round.Add(tenant = new Tenant { Name = item.Tenant, Weight = weight });
            }

            tenant.Waiting.Add((item, cost));
        }

        public List<int> RemoveAll(Predicate<Item> which)
        {
            var removed = new List<int>();
            foreach (Tenant tenant in _round)
            {
                removed.AddRange(tenant.Waiting.Where(w => which(w.Item)).Select(w => w.Item.Number));
                tenant.RemoveAll(which);
            }

            _round.RemoveAll(t => t.Waiting.Count == 0);
            return removed;
        }

        public Item? Take()
        {
            while (_round.Count > 0)
            {
                Tenant tenant = _round[0];
                tenant.Credit += tenant.Began ? 0 : FairQueue<Item>.Quantum * tenant.Weight;
                tenant.Began = true;
                (Item item, int cost) = tenant.Choose();
                if (cost <= tenant.Credit)
                {
                    tenant.Credit -= cost;
                    tenant.Remove(item);
                    if (tenant.Waiting.Count == 0)
                    {
                        _round.RemoveAt(0);
                    }

                    return item;
                }

                tenant.Began = false;
                _round.RemoveAt(0);
                _round.Add(tenant);
            }

            return null;
        }

        private sealed class Tenant
        {
            private readonly Dictionary<int, int> _ahead = new() { [-1] = 0, [0] = 0, [1] = 0 };

            public int Name { get; init; }

            public int Weight { get; init; }

            public int Credit { get; set; }

            public bool Began { get; set; }

            public List<(Item Item, int Cost)> Waiting { get; } = [];

            public (Item Item, int Cost) Choose()
            {
                int[] classes = [.. Waiting.Select(w => Math.Sign(w.Item.Priority)).Distinct().Order()];
                int[] impatient = [.. classes.Where(c => _ahead[c] >= 7)];
                int chosen = impatient.Length > 0 ? impatient[0] : classes[^1];
                return Waiting.First(w => Math.Sign(w.Item.Priority) == chosen);
            }

            public void RemoveAll(Predicate<Item> which)
            {
                Waiting.RemoveAll(w => which(w.Item));
                foreach (int c in (int[])[-1, 0, 1])
                {
                    _ahead[c] = Waiting.Any(w => Math.Sign(w.Item.Priority) == c) ? _ahead[c] : 0;
                }
            }

            public void Remove(Item item)
            {
                Waiting.RemoveAll(w => w.Item == item);
                foreach (int c in (int[])[-1, 0, 1])
                {
                    bool waits = Waiting.Any(w => Math.Sign(w.Item.Priority) == c);
                    _ahead[c] = c == Math.Sign(item.Priority) || !waits ? 0 : _ahead[c] + 1;
                }
            }
        }
    }
}

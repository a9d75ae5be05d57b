using Relay.Concurrency;

namespace Relay.Tests.Concurrency;

public class HandOverTests
{
    [Fact]
    public async Task Nothing_is_lost_doubled_or_reordered_between_many_producers_and_one_consumer()
    {
        const int Producers = 4;
        const int Each = 100_000;
        var handOver = new HandOver<Item>();
        Task[] producers = [.. Enumerable.Range(0, Producers).Select(p => Task.Run(() =>
        {
            for (int i = 0; i < Each; i++)
            {
                handOver.Push(new Item { Producer = p, Number = i });
            }
        }))];
        var next = new int[Producers];
        int seen = 0;
        while (seen < Producers * Each)
        {
            for (Item? item = handOver.TakeAll(); item is not null; item = item.Next)
            {
                Assert.Equal(next[item.Producer]++, item.Number);
                seen++;
            }
        }

        await Task.WhenAll(producers);
        Assert.Null(handOver.TakeAll());
    }

    [Fact]
    public void Only_the_first_push_onto_an_empty_chain_says_so()
    {
        var handOver = new HandOver<Item>();
        Assert.True(handOver.Push(new Item()));
        Assert.False(handOver.Push(new Item()));
        Assert.NotNull(handOver.TakeAll());
        Assert.True(handOver.Push(new Item()));
    }

    private sealed class Item : ILinked<Item>
    {
        public int Producer { get; init; }

        public int Number { get; init; }

        public Item? Next { get; set; }
    }
}

using Relay.Concurrency;

namespace Relay.Tests.Concurrency;

public class HandOverTests
{
    private static readonly int Each = Environment.GetEnvironmentVariable("RELAY_LONG") == "1" ? 2_000_000 : 100_000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void Nothing_is_lost_doubled_or_reordered_between_many_producers_and_one_consumer(int producers)
    {
        var handOver = new HandOver<StressItem>();
        Assert.Null(HandOverStress.Run(handOver.Push, handOver.TakeAll, producers, Each));
        Assert.Null(handOver.TakeAll());
    }

    [Theory]
    [InlineData(HandOverFault.PushesWithoutComparing)]
    [InlineData(HandOverFault.KeepsTheOldLink)]
    [InlineData(HandOverFault.TakesWithoutExchange)]
    public void The_same_test_catches_a_twin_with_a_fault(HandOverFault fault)
    {
        // A race that isn't lost in one round is in another.
        for (int round = 1; round <= 100; round++)
        {
            var broken = new BrokenHandOver<StressItem>(fault);
            if (HandOverStress.Run(broken.Push, broken.TakeAll, 4, 50_000) is not null)
            {
                return;
            }
        }

        Assert.Fail($"{fault}: not seen in 100 rounds");
    }

    [Fact]
    public void Only_the_first_push_onto_an_empty_chain_says_so()
    {
        var handOver = new HandOver<StressItem>();
        Assert.True(handOver.Push(new StressItem()));
        Assert.False(handOver.Push(new StressItem()));
        Assert.NotNull(handOver.TakeAll());
        Assert.True(handOver.Push(new StressItem()));
    }
}

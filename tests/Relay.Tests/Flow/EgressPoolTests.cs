using System.Net;
using Relay.Flow;
using Relay.Flow.Send;

namespace Relay.Tests.Flow;

public class EgressPoolTests
{
    private static readonly EgressSource A = new("a", IPAddress.Parse("192.0.2.1"), null, null);
    private static readonly EgressSource B = new("b", IPAddress.Parse("192.0.2.2"), null, "b.example");

    [Fact]
    public void Sources_are_picked_as_often_as_their_weights_say()
    {
        var pool = new EgressPool("p", [new EgressShare(A, 1), new EgressShare(B, 3)]);
        var random = new Random(1);
        int ofB = Enumerable.Range(0, 10_000).Count(_ => pool.Pick(random) == B);
        Assert.InRange(ofB, 7300, 7700);
    }

    [Fact]
    public void An_address_that_is_not_this_machines_is_told_from_one_that_is()
    {
        Assert.Null(SocketDialer.FaultOf(IPAddress.Parse("127.0.0.9")));
        Assert.Equal("192.0.2.1 is not an address of this machine", SocketDialer.FaultOf(IPAddress.Parse("192.0.2.1")));
    }

    [Fact]
    public void The_same_seed_picks_the_same_sources()
    {
        var pool = new EgressPool("p", [new EgressShare(A, 2), new EgressShare(B, 5)]);
        var first = new Random(7);
        var second = new Random(7);
        Assert.Equal(Enumerable.Range(0, 100).Select(_ => pool.Pick(first)).ToArray(), Enumerable.Range(0, 100).Select(_ => pool.Pick(second)).ToArray());
    }

    [Fact]
    public void Pools_of_the_same_name_sources_and_weights_are_the_same_pool()
    {
        var pool = new EgressPool("p", [new EgressShare(A, 1), new EgressShare(B, 3)]);
        Assert.Equal(pool, new EgressPool("p", [new EgressShare(A with { }, 1), new EgressShare(B, 3)]));
        Assert.NotEqual(pool, new EgressPool("p", [new EgressShare(A, 1), new EgressShare(B, 4)]));
        Assert.NotEqual(pool, new EgressPool("q", [new EgressShare(A, 1), new EgressShare(B, 3)]));
    }
}

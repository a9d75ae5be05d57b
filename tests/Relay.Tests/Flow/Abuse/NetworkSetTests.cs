using System.Net;
using Relay.Flow.Policy;

namespace Relay.Tests.Flow.Abuse;

/// <summary>A set of networks agrees with looking at each of them.</summary>
public class NetworkSetTests
{
    [Theory]
    [InlineData("10.1.2.3", 8)]
    [InlineData("10.9.0.1", 16)]
    [InlineData("::ffff:10.9.0.1", 16)]
    [InlineData("192.0.2.7", 32)]
    [InlineData("192.0.2.8", -1)]
    [InlineData("2001:db8::1", 32)]
    [InlineData("2001:db9::1", -1)]
    public void The_narrowest_network_counts(string address, int prefix)
    {
        var set = new NetworkSet(Networks("10.0.0.0/8", "10.9.0.0/16", "192.0.2.7/32", "2001:db8::/32"));
        Assert.Equal(prefix, set.Narrowest(IPAddress.Parse(address)));
    }

    [Fact]
    public void The_widest_networks_have_everybody_of_their_family()
    {
        Assert.Equal(0, new NetworkSet(Networks("0.0.0.0/0")).Narrowest(IPAddress.Parse("255.1.2.3")));
        Assert.Equal(-1, new NetworkSet(Networks("0.0.0.0/0")).Narrowest(IPAddress.IPv6Loopback));
        Assert.Equal(0, new NetworkSet(Networks("::/0")).Narrowest(IPAddress.IPv6Loopback));
        Assert.Equal(-1, NetworkSet.Empty.Narrowest(IPAddress.Loopback));
    }

    [Fact]
    public void It_agrees_with_a_look_at_each_network()
    {
        var random = new Random(7);
        IPNetwork[] networks = [.. Enumerable.Range(0, 500).Select(_ => Network(random))];
        var set = new NetworkSet(networks);
        for (int i = 0; i < 5000; i++)
        {
            var address = new IPAddress(unchecked((uint)random.NextInt64()));
            Assert.Equal(networks.Where(n => n.Contains(address)).Select(static n => n.PrefixLength).DefaultIfEmpty(-1).Max(), set.Narrowest(address));
        }
    }

    private static IPNetwork Network(Random random)
    {
        int prefix = random.Next(1, 33);
        uint address = unchecked((uint)random.NextInt64()) & (uint.MaxValue << (32 - prefix));
        return new IPNetwork(new IPAddress(System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(address)), prefix);
    }

    private static IEnumerable<IPNetwork> Networks(params string[] texts) => texts.Select(IPNetwork.Parse);
}

using System.Buffers.Binary;
using Relay.Daemon.Probe;

namespace Relay.Daemon.Tests.Probe;

public sealed class OldTlsHelloTests
{
    [Theory]
    [InlineData(1, null)]
    [InlineData(2, null)]
    [InlineData(1, "mx.example.net")]
    public void A_hello_says_its_version_and_its_lengths(byte minor, string? name)
    {
        byte[] hello = OldTlsHello.Create(minor, name);

        Assert.Equal([22, 3, 1], hello[..3]);
        Assert.Equal(hello.Length - 5, BinaryPrimitives.ReadUInt16BigEndian(hello.AsSpan(3)));
        Assert.Equal([1, 0], hello[5..7]);
        Assert.Equal(hello.Length - 9, BinaryPrimitives.ReadUInt16BigEndian(hello.AsSpan(7)));
        Assert.Equal([3, minor], hello[9..11]);
        int suites = BinaryPrimitives.ReadUInt16BigEndian(hello.AsSpan(44));
        int extensions = BinaryPrimitives.ReadUInt16BigEndian(hello.AsSpan(46 + suites + 2));
        Assert.Equal(hello.Length, 46 + suites + 4 + extensions);
        Assert.Equal(name is not null, hello.AsSpan().IndexOf("mx.example.net"u8) > 0);
    }

    [Fact]
    public void A_ServerHello_of_that_version_is_a_yes_and_all_else_a_no()
    {
        byte[] yes = [22, 3, 1, 0, 80, 2, 0, 0, 76, 3, 1];
        Assert.True(OldTlsHello.IsWhole(yes) && OldTlsHello.IsAccepted(yes, 1));
        Assert.False(OldTlsHello.IsAccepted(yes, 2));
        Assert.False(OldTlsHello.IsWhole(yes.AsSpan(0, 10)));
        byte[] alert = [21, 3, 1, 0, 2, 2, 70];
        Assert.True(OldTlsHello.IsWhole(alert));
        Assert.False(OldTlsHello.IsAccepted(alert, 1));
    }
}

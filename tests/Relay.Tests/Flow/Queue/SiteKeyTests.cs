using System.Net;
using Relay.Flow;
using Relay.Flow.Queue;

namespace Relay.Tests.Flow.Queue;

public class SiteKeyTests
{
    [Fact]
    public void The_same_hosts_in_the_same_ranks_are_one_site_whatever_their_numbers_order_and_addresses()
    {
        SiteKey one = Key(("b", 10, 1), ("a", 10, 2), ("c", 20, 3), ("a", 10, 4));
        Assert.Equal("a,b;c", one.Hosts);
        Assert.Equal(one, Key(("a", 1, 9), ("b", 1, 8), ("c", 7, 3)));
    }

    [Fact]
    public void Another_order_of_preference_or_another_policy_is_another_site()
    {
        Assert.NotEqual(Key(("a", 10, 1), ("b", 20, 2)), Key(("b", 10, 2), ("a", 20, 1)));
        HostTarget[] targets = [new("a", IPAddress.Loopback, 25, 10)];
        Assert.NotEqual(SiteKey.Of(targets, null, new TlsDemand(OutboundTls.Opportunistic), new()), SiteKey.Of(targets, null, new TlsDemand(OutboundTls.Required), new()));
    }

    [Fact]
    public void Other_limits_are_another_site_and_equal_ones_are_the_same_however_often_the_configuration_is_read()
    {
        HostTarget[] targets = [new("a", IPAddress.Loopback, 25, 10)];
        SiteKey Of(int connections) => SiteKey.Of(targets, null, new TlsDemand(OutboundTls.None), new SiteLimitOptions { Connections = connections, Rate = new Rate(1, TimeSpan.FromSeconds(1)) });
        Assert.Equal(Of(5), Of(5));
        Assert.NotEqual(Of(5), Of(6));
    }

    private static SiteKey Key(params (string Host, int Preference, int Address)[] hosts) =>
        SiteKey.Of([.. hosts.Select(static h => new HostTarget(h.Host, new IPAddress(new byte[] { 192, 0, 2, (byte)h.Address }), 25, h.Preference))], null, new TlsDemand(OutboundTls.Opportunistic), new());
}

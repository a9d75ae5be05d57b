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
        Assert.NotEqual(SiteKey.Of(targets, null, OutboundTls.Opportunistic), SiteKey.Of(targets, null, OutboundTls.Required));
    }

    private static SiteKey Key(params (string Host, int Preference, int Address)[] hosts) =>
        SiteKey.Of([.. hosts.Select(static h => new HostTarget(h.Host, new IPAddress(new byte[] { 192, 0, 2, (byte)h.Address }), 25, h.Preference))], null, OutboundTls.Opportunistic);
}

using System.Net;
using System.Text;
using Relay.Flow;
using Relay.Flow.Queue;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Testing;

namespace Relay.Tests.Flow.Queue;

public class TenantTableTests
{
    private static readonly TenantTable Table = new(
    [
        new TenantOptions { Name = "wide", Networks = [IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("2001:db8::/32")] },
        new TenantOptions { Name = "narrow", Networks = [IPNetwork.Parse("10.1.0.0/16"), IPNetwork.Parse("2001:db8:0:1::/64")], Weight = 3 },
        new TenantOptions { Name = "one", Networks = [IPNetwork.Parse("10.1.2.3/32")] },
    ]);

    [Theory]
    [InlineData("10.0.0.1", "wide")]
    [InlineData("10.255.255.255", "wide")]
    [InlineData("10.1.0.0", "narrow")]
    [InlineData("10.1.255.255", "narrow")]
    [InlineData("10.1.2.3", "one")]
    [InlineData("10.1.2.2", "narrow")]
    [InlineData("11.0.0.1", "default")]
    [InlineData("127.0.0.1", "default")]
    [InlineData("::ffff:10.1.2.3", "one")]
    [InlineData("2001:db8::1", "wide")]
    [InlineData("2001:db8:0:1::1", "narrow")]
    [InlineData("2001:db8:0:2::1", "wide")]
    [InlineData("2001:db9::1", "default")]
    [InlineData("::10.1.2.3", "default")]
    public void A_client_is_the_tenants_with_the_narrowest_network(string client, string tenant) => Assert.Equal(tenant, Table[Table.Find(IPAddress.Parse(client))].Name);

    [Fact]
    public void Mail_that_no_client_sent_is_the_default_tenants_whose_weight_is_one()
    {
        Assert.Equal(0, Table.Find((IPAddress?)null));
        Assert.Equal("default", Table[0].Name);
        Assert.Equal(1, Table[0].Weight);
    }

    [Fact]
    public void A_tenant_called_default_speaks_of_all_others()
    {
        var table = new TenantTable(
        [
            new TenantOptions { Name = "a", Networks = [IPNetwork.Parse("192.0.2.0/24")] },
            new TenantOptions { Name = "default", Networks = [IPNetwork.Parse("192.0.2.7/32")], Weight = 5 },
        ]);
        Assert.Equal(5, table[0].Weight);
        Assert.Equal(0, table.Find(IPAddress.Parse("203.0.113.1")));
        Assert.Equal(0, table.Find(IPAddress.Parse("192.0.2.7")));
        Assert.Equal("a", table[table.Find(IPAddress.Parse("192.0.2.8"))].Name);
    }

    [Fact]
    public void A_network_of_everything_leaves_nothing_to_the_default_tenant()
    {
        var table = new TenantTable([new TenantOptions { Name = "all", Networks = [IPNetwork.Parse("0.0.0.0/0"), IPNetwork.Parse("::/0")] }]);
        Assert.Equal(1, table.Find(IPAddress.Parse("192.0.2.1")));
        Assert.Equal(1, table.Find(IPAddress.Parse("2001:db8::1")));
    }

    [Theory]
    [InlineData("narrow", "narrow")]
    [InlineData("default", "default")]
    [InlineData("", "one")]
    [InlineData("gone", "one")]
    public void A_message_that_names_its_tenant_is_his_wherever_it_came_from(string named, string tenant)
    {
        var envelope = new EnvelopeBuilder();
        envelope.Begin("a@b.example"u8, BodyType.Unspecified, EnvelopeFlags.None);
        if (named.Length > 0)
        {
            envelope.Belong(Encoding.UTF8.GetBytes(named));
        }

        envelope.TryAdd("c@d.example"u8);
        var message = new SpooledMessage(default, envelope.Build(), 1, default, IPAddress.Parse("10.1.2.3"), ownFile: false);
        Assert.Equal(tenant, Table[Table.Find(message)].Name);
        Assert.Equal(0, Allocations.Of(() => Table.Find(message)));
    }

    [Fact]
    public void Finding_allocates_nothing()
    {
        IPAddress v4 = IPAddress.Parse("10.1.2.3");
        IPAddress v6 = IPAddress.Parse("2001:db8:0:2::1");
        Assert.Equal(0, Allocations.Of(() => Assert.True(Table.Find(v4) != Table.Find(v6))));
    }
}

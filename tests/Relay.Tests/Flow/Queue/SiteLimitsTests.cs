using System.Net;
using Relay.Flow;
using Relay.Flow.Queue;

namespace Relay.Tests.Flow.Queue;

public class SiteLimitsTests
{
    private static readonly SiteLimits Limits = new(new DeliveryOptions
    {
        Limits = new SiteLimitOptions { Connections = 30, RecipientsPerMessage = 50 },
        LimitRules =
        [
            new LimitRule { Domain = "strict.example", Connections = 1, Rate = new Rate(10, TimeSpan.FromSeconds(1)) },
            new LimitRule { Domain = "*.strict.example", Connections = 2 },
            new LimitRule { Mx = "*.mail.example", MessagesPerConnection = 5 },
            new LimitRule { Mx = "mx.one.example", RecipientsPerMessage = 1 },
            new LimitRule { Domain = "one.example", Connections = 9 },
        ],
    });

    [Theory]
    [InlineData("strict.example", 1)]
    [InlineData("below.strict.example", 2)]
    [InlineData("far.below.strict.example", 2)]
    [InlineData("notstrict.example", 30)]
    [InlineData("other.example", 30)]
    public void A_rule_is_for_a_domain_or_for_all_below_it(string domain, int connections) => Assert.Equal(connections, Limits.For(domain, Hosts("a.other.example")).Connections);

    [Theory]
    [InlineData(5, "a.mail.example")]
    [InlineData(5, "a.mail.example", "b.mail.example")]
    [InlineData(0, "a.mail.example", "backup.example")]
    [InlineData(0, "mail.example")]
    [InlineData(0)]
    public void A_rule_is_for_sites_all_of_whose_hosts_match(int messages, params string[] hosts) => Assert.Equal(messages, Limits.For("other.example", Hosts(hosts)).MessagesPerConnection);

    [Fact]
    public void The_first_rule_that_matches_wins_and_the_others_say_nothing()
    {
        SiteLimitOptions limits = Limits.For("one.example", Hosts("mx.one.example"));
        Assert.Equal(new SiteLimitOptions { Connections = 30, RecipientsPerMessage = 1 }, limits);
    }

    [Fact]
    public void What_a_rule_leaves_out_is_as_for_all()
    {
        Assert.Equal(new SiteLimitOptions { Connections = 1, Rate = new Rate(10, TimeSpan.FromSeconds(1)), RecipientsPerMessage = 50 }, Limits.For("strict.example", []));
        Assert.Equal(new SiteLimitOptions { Connections = 30, RecipientsPerMessage = 50 }, Limits.For("other.example", []));
    }

    [Fact]
    public void The_same_rule_gives_the_same_object() => Assert.Same(Limits.For("a.strict.example", []), Limits.For("b.strict.example", Hosts("mx.other.example")));

    private static HostTarget[] Hosts(params string[] names) => [.. names.Select(static n => new HostTarget(n, IPAddress.Loopback, 25, 10))];
}

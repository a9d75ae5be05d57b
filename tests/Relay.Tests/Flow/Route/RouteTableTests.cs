using Relay.Flow;
using Relay.Flow.Route;
using Relay.Testing;

namespace Relay.Tests.Flow.Route;

public sealed class RouteTableTests
{
    [Theory]
    [InlineData("example.com", "example.com")]
    [InlineData("EXAMPLE.Com", "example.com")]
    [InlineData("example.com.", "example.com")]
    [InlineData("sub.example.com", null)]
    [InlineData("ample.com", null)]
    [InlineData("a.internal.example", "*.internal.example")]
    [InlineData("b.a.INTERNAL.example", "*.internal.example")]
    [InlineData("internal.example", null)]
    [InlineData("xinternal.example", null)]
    [InlineData("", null)]
    public void A_domain_finds_its_route(string domain, string? pattern) => Assert.Equal(pattern, Find(domain, "example.com", "*.internal.example"));

    [Fact]
    public void A_star_takes_every_domain_and_address_literals_too()
    {
        Assert.Equal("*", Find("example.com", "*"));
        Assert.Equal("*", Find("[192.0.2.1]", "*"));
    }

    [Fact]
    public void The_first_match_wins_whatever_is_more_exact()
    {
        Assert.Equal("*", Find("a.example.com", "*", "*.example.com", "a.example.com"));
        Assert.Equal("*.com", Find("a.example.com", "*.com", "*.example.com", "a.example.com", "*"));
        Assert.Equal("a.example.com", Find("a.example.com", "a.example.com", "*.com", "*"));
        Assert.Equal("*.example.com", Find("a.example.com", "b.example.com", "*.example.com", "*.com"));
    }

    [Fact]
    public void Of_two_routes_for_one_domain_the_first_counts()
    {
        RouteOptions first = Route("example.com");
        Assert.Same(first, new RouteTable([first, Route("example.com")]).Find("example.com"));
    }

    [Fact]
    public void Without_routes_nothing_is_found() => Assert.Null(Find("example.com"));

    [Fact]
    public void Finding_allocates_nothing()
    {
        var table = new RouteTable([Route("example.com"), Route("*.internal.example"), Route("*")]);
        Assert.Equal(0, Allocations.Of(() => _ = table.Find("a.b.internal.example"), 1000));
    }

    private static string? Find(string domain, params string[] patterns) => new RouteTable([.. patterns.Select(Route)]).Find(domain)?.Domain;

    private static RouteOptions Route(string pattern) => new() { Domain = pattern, NextHop = new NextHop(NextHopScheme.Smtp, "hop.example", 25) };
}

using Relay.Protocol.Policy;

namespace Relay.Protocol.Tests.Policy;

/// <summary>Policy files of MTA-STS (RFC 8461 §3.2) and the names they allow.</summary>
public sealed class MtaStsPolicyTests
{
    [Fact]
    public void A_policy_has_a_mode_an_age_and_hosts()
    {
        MtaStsPolicy policy = Parse("version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmx: *.example.net\r\nmax_age: 86400\r\n\r\n");
        Assert.Equal((MtaStsMode.Enforce, TimeSpan.FromDays(1)), (policy.Mode, policy.MaximumAge));
        Assert.Equal(["mx1.example.com", "*.example.net"], policy.Hosts);
        Assert.True(policy.Allows("MX1.example.com."));
        Assert.True(policy.Allows("a.example.net"));
        Assert.False(policy.Allows("a.b.example.net"));
        Assert.False(policy.Allows("example.net"));
        Assert.False(policy.Allows("xmx1.example.com"));
    }

    [Fact]
    public void The_text_of_a_policy_reads_back_as_the_same_policy()
    {
        MtaStsPolicy policy = Parse("mx:b.example\nmax_age:5\nmx:a.example\nversion:STSv1\nmode:testing\nmore: things");
        Assert.Equal(policy, Parse(policy.ToString()));
        Assert.Equal(policy.MaximumAge, Parse(policy.ToString()).MaximumAge);
    }

    [Fact]
    public void Of_a_field_that_stands_there_twice_the_first_counts() =>
        Assert.Equal(MtaStsMode.Enforce, Parse("version: STSv1\nmode: enforce\nmode: none\nmx: a.example\nmax_age: 9").Mode);

    [Fact]
    public void What_differs_only_in_age_is_equal_and_what_allows_other_hosts_is_not()
    {
        MtaStsPolicy policy = Parse("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 9");
        Assert.Equal(policy, Parse("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 10"));
        Assert.NotEqual(policy, Parse("version: STSv1\nmode: enforce\nmx: b.example\nmax_age: 9"));
        Assert.NotEqual(policy, Parse("version: STSv1\nmode: testing\nmx: a.example\nmax_age: 9"));
    }

    [Fact]
    public void A_policy_with_more_hosts_than_anybody_has_is_refused() =>
        Assert.False(MtaStsPolicy.TryParse("version: STSv1\nmode: enforce\nmax_age: 9\n" + string.Concat(Enumerable.Repeat("mx: a.example\n", 201)), out _, out _));

    private static MtaStsPolicy Parse(string text)
    {
        Assert.True(MtaStsPolicy.TryParse(text, out MtaStsPolicy? policy, out string? error), error);
        return policy;
    }
}

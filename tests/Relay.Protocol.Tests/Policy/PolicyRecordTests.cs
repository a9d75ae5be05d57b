using Relay.Protocol.Policy;

namespace Relay.Protocol.Tests.Policy;

/// <summary>The TXT records of MTA-STS (RFC 8461 §3.1) and TLS reporting (RFC 8460 §3).</summary>
public sealed class PolicyRecordTests
{
    [Fact]
    public void A_domain_with_one_record_of_MTA_STS_among_others_has_a_policy()
    {
        Assert.True(MtaStsRecord.TryFind(["v=spf1 -all", "v=STSv1; id=20261124;", "v=STSv10; id=b"], out string? id));
        Assert.Equal("20261124", id);
    }

    [Theory]
    [InlineData("v=STSv1; id=a;", "v=STSv1; id=b;")]
    [InlineData("v=STSv1; id=a;", "v=STSv1")]
    [InlineData("v=spf1 -all", "V=STSv1; id=a")]
    public void Two_records_or_none_are_no_policy(string first, string second) => Assert.False(MtaStsRecord.TryFind([first, second], out _));

    [Fact]
    public void Reports_go_to_every_place_that_we_can_reach()
    {
        Assert.True(TlsRptRecord.TryFind(["x", "v=TLSRPTv1;rua=mailto:a@example.com,ftp://example.com/,https://example.com/tls?x=1"], out IReadOnlyList<Uri>? places));
        Assert.Equal(["mailto:a@example.com", "https://example.com/tls?x=1"], places.Select(static p => p.OriginalString));
    }

    [Theory]
    [InlineData("v=TLSRPTv1; rua=ftp://example.com/")]
    [InlineData("v=TLSRPTv1; rua=mailto:a@example.com rua=b")]
    [InlineData("v=tlsrptv1; rua=mailto:a@example.com")]
    public void A_record_without_a_place_is_none(string record) => Assert.False(TlsRptRecord.TryFind([record], out _));
}

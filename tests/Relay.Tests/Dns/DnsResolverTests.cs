using System.Net;
using Microsoft.Extensions.Time.Testing;
using Relay.Dns;
using static Relay.Tests.Dns.StubReply;

namespace Relay.Tests.Dns;

/// <summary>What the real resolver makes of answers, against a server on loopback. Time is fake: what must time out does so at once.</summary>
public sealed class DnsResolverTests
{
    private static readonly IPAddress One = IPAddress.Parse("192.0.2.1");

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Addresses_are_found_and_live_as_long_as_the_shortest_of_them()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).A("mx.example", 300, "192.0.2.1").A("mx.example", 60, "192.0.2.2").ToBytes());
        DnsAnswer<IPAddress> answer = await Resolver(server).Ipv4Async("mx.example", default);
        Assert.Equal(DnsStatus.Found, answer.Status);
        Assert.Equal([One, IPAddress.Parse("192.0.2.2")], answer.Records);
        Assert.Equal(TimeSpan.FromSeconds(60), answer.TimeToLive);
    }

    [Fact]
    public async Task IPv6_addresses_are_found()
    {
        byte[] address = IPAddress.Parse("2001:db8::1").GetAddressBytes();
        await using var server = new StubServer(q => new StubReply(q.Bytes).Answer("mx.example", RecordType.Aaaa, 60, address).ToBytes());
        Assert.Equal(IPAddress.Parse("2001:db8::1"), Assert.Single((await Resolver(server).Ipv6Async("mx.example", default)).Records));
    }

    [Fact]
    public async Task Exchangers_come_in_lower_case_without_a_dot_and_the_root_is_empty()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Mx("example.com", 60, 20, "MX2.Example.COM").Mx("example.com", 60, 0, "").ToBytes());
        DnsAnswer<MxRecord> answer = await Resolver(server).MxAsync("Example.COM.", default);
        Assert.Equal([new MxRecord(20, "mx2.example.com"), new MxRecord(0, "")], answer.Records);
    }

    [Fact]
    public async Task TLSA_records_come_as_they_are()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes) { IsAuthentic = true }.Answer("_25._tcp.mx.example", RecordType.Tlsa, 60, [3, 1, 1, 0xAB, 0xCD]).Answer("_25._tcp.mx.example", RecordType.Tlsa, 60, [255, 9, 8, 1]).ToBytes());
        DnsAnswer<TlsaRecord> answer = await Resolver(server).TlsaAsync("_25._tcp.mx.example", default);
        Assert.Equal([new TlsaRecord(3, 1, 1, "ABCD"), new TlsaRecord(255, 9, 8, "01")], answer.Records);
        Assert.True(answer.Authentic);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(19)]
    public async Task L25_a_TLSA_record_that_is_cut_off_is_trouble_or_one_that_nobody_can_use_and_never_none(int length)
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Answer("_25._tcp.mx.example", RecordType.Tlsa, 60, [.. new byte[] { 3, 1, 1 }.Concat(new byte[16]).Take(length)]).ToBytes());
        DnsAnswer<TlsaRecord> answer = await Resolver(server).TlsaAsync("_25._tcp.mx.example", default);
        Assert.True(answer.Status == DnsStatus.TemporaryFailure || (answer.Status == DnsStatus.Found && Relay.Flow.DaneRecords.Of(answer.Records, "mx.example", "example") is null), answer.ToString());
    }

    [Fact]
    public async Task The_strings_of_a_TXT_record_are_joined_and_records_are_not()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Answer("_mta-sts.example", RecordType.Txt, 60, [.. "\u0004v=ST"u8, .. "\u0007Sv1; id"u8]).Answer("_mta-sts.example", RecordType.Txt, 60, [1, (byte)'x']).ToBytes());
        Assert.Equal(["v=STSv1; id", "x"], (await Resolver(server).TxtAsync("_mta-sts.example", default)).Records);
    }

    [Fact]
    public async Task The_answer_says_at_the_end_of_which_aliases_it_was_found()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Cname("mx.example", 60, "Other.Example").A("other.example", 60, "192.0.2.1").ToBytes());
        Assert.Equal("other.example", (await Resolver(server).Ipv4Async("mx.example", default)).Name);
    }

    [Fact]
    public async Task The_name_of_an_address_is_found()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Answer("7.2.0.192.in-addr.arpa", RecordType.Ptr, 60, Name("Client.example")).ToBytes());
        Assert.Equal("client.example", Assert.Single((await Resolver(server).PtrAsync(IPAddress.Parse("::ffff:192.0.2.7"), default)).Records));
    }

    [Fact]
    public async Task A_name_with_control_characters_comes_without_them()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Answer("7.2.0.192.in-addr.arpa", RecordType.Ptr, 60, Name("a\r\nb\0\u00ff)")).ToBytes());
        string name = Assert.Single((await Resolver(server).PtrAsync(IPAddress.Parse("192.0.2.7"), default)).Records);
        Assert.All(name, c => Assert.InRange(c, ' ', '~'));
        Assert.False(DnsName.IsHost(name));
    }

    [Fact]
    public async Task Internationalized_names_are_asked_for_in_A_labels()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).A("xn--bcher-kva.example", 60, "192.0.2.1").ToBytes());
        DnsAnswer<IPAddress> answer = await Resolver(server).Ipv4Async("Bücher.example", default);
        Assert.Equal(DnsStatus.Found, answer.Status);
        Assert.Equal("xn--bcher-kva.example", (await server.NextAsync()).Name);
    }

    [Fact]
    public async Task Names_in_A_labels_stay_in_A_labels_wherever_they_stand()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes)
            .Cname("xn--bcher-kva.example", 60, "www.xn--bcher-kva.example").Mx("www.xn--bcher-kva.example", 60, 5, "MX.xn--bcher-kva.example").ToBytes());
        Assert.Equal([new MxRecord(5, "mx.xn--bcher-kva.example")], (await Resolver(server).MxAsync("xn--bcher-kva.example", default)).Records);
    }

    [Fact]
    public async Task What_is_no_name_does_not_exist_and_is_not_asked_for()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).ToBytes());
        Assert.Equal(DnsStatus.NameError, (await Resolver(server).MxAsync("a b.example", default)).Status);
        Assert.Equal(DnsStatus.NameError, (await Resolver(server).MxAsync(new string('a', 64) + ".example", default)).Status);
        Assert.Equal(0, server.Count);
    }

    [Theory]
    [InlineData(3600, 300, 300)]
    [InlineData(30, 300, 30)]
    public async Task NXDOMAIN_is_a_name_error_for_the_time_its_SOA_says(int ttl, int minimum, int kept)
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes) { Code = 3 }.Soa("example", ttl, minimum).ToBytes());
        DnsAnswer<MxRecord> answer = await Resolver(server).MxAsync("none.example", default);
        Assert.Equal(DnsStatus.NameError, answer.Status);
        Assert.Equal(TimeSpan.FromSeconds(kept), answer.TimeToLive);
    }

    [Fact]
    public async Task An_empty_answer_is_no_data()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Soa("example", 900, 900).ToBytes());
        DnsAnswer<MxRecord> answer = await Resolver(server).MxAsync("host.example", default);
        Assert.Equal(DnsStatus.NoData, answer.Status);
        Assert.Equal(TimeSpan.FromMinutes(15), answer.TimeToLive);
    }

    [Fact]
    public async Task Without_SOA_no_data_is_believed_for_a_minute()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).ToBytes());
        DnsAnswer<MxRecord> answer = await Resolver(server).MxAsync("host.example", default);
        Assert.Equal(DnsStatus.NoData, answer.Status);
        Assert.Equal(TimeSpan.FromMinutes(1), answer.TimeToLive);
    }

    [Fact]
    public async Task A_referral_says_nothing_about_the_name()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Ns("example", "ns.example").ToBytes());
        Assert.Equal(DnsStatus.TemporaryFailure, (await Resolver(server).MxAsync("host.example", default)).Status);
    }

    [Fact]
    public async Task Records_of_other_names_are_not_the_answer()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).A("other.example", 60, "198.51.100.66").A("mx.example", 60, "192.0.2.1").ToBytes());
        Assert.Equal([One], (await Resolver(server).Ipv4Async("mx.example", default)).Records);
    }

    [Fact]
    public async Task A_chain_of_aliases_is_followed_and_lives_as_long_as_its_shortest_link()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes)
            .A("c.example", 300, "192.0.2.1").Cname("B.example", 20, "c.example").Cname("a.example", 300, "b.example").ToBytes());
        DnsAnswer<IPAddress> answer = await Resolver(server).Ipv4Async("a.example", default);
        Assert.Equal([One], answer.Records);
        Assert.Equal(TimeSpan.FromSeconds(20), answer.TimeToLive);
        Assert.Equal(1, server.Count);
    }

    [Fact]
    public async Task A_chain_that_comes_link_by_link_is_asked_for_link_by_link()
    {
        await using var server = new StubServer(q => q.Name == "a.example"
            ? new StubReply(q.Bytes).Cname("a.example", 20, "b.example").ToBytes()
            : new StubReply(q.Bytes).A("b.example", 300, "192.0.2.1").ToBytes());
        DnsAnswer<IPAddress> answer = await Resolver(server).Ipv4Async("a.example", default);
        Assert.Equal([One], answer.Records);
        Assert.Equal(TimeSpan.FromSeconds(20), answer.TimeToLive);
        Assert.Equal(2, server.Count);
    }

    [Fact]
    public async Task An_alias_without_data_is_no_data_when_the_SOA_says_so()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Cname("a.example", 20, "b.example").Soa("example", 60, 60).ToBytes());
        Assert.Equal(DnsStatus.NoData, (await Resolver(server).MxAsync("a.example", default)).Status);
        Assert.Equal(1, server.Count);
    }

    [Fact]
    public async Task A_loop_of_aliases_ends()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Cname("a.example", 60, "b.example").Cname("b.example", 60, "a.example").ToBytes());
        Assert.Equal(DnsStatus.TemporaryFailure, (await Resolver(server).Ipv4Async("a.example", default)).Status);
    }

    [Fact]
    public async Task A_chain_without_end_is_given_up()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Cname(q.Name, 60, "a" + q.Name).ToBytes());
        Assert.Equal(DnsStatus.TemporaryFailure, (await Resolver(server).Ipv4Async("a.example", default)).Status);
        Assert.Equal(8, server.Count);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public async Task The_AD_bit_of_a_resolver_on_loopback_is_believed(bool bit, bool isAuthentic)
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes) { IsAuthentic = bit }.A("mx.example", 60, "192.0.2.1").ToBytes());
        Assert.Equal(isAuthentic, (await Resolver(server).Ipv4Async("mx.example", default)).Authentic);
    }

    [Fact]
    public async Task A_chain_is_authentic_only_with_all_its_links()
    {
        await using var server = new StubServer(q => q.Name == "a.example"
            ? new StubReply(q.Bytes).Cname("a.example", 20, "b.example").ToBytes()
            : new StubReply(q.Bytes) { IsAuthentic = true }.A("b.example", 300, "192.0.2.1").ToBytes());
        Assert.False((await Resolver(server).Ipv4Async("a.example", default)).Authentic);
    }

    private DnsResolver Resolver(params StubServer[] servers) => new(new DnsOptions { Servers = [.. servers.Select(server => server.EndPoint)] }, _time);
}

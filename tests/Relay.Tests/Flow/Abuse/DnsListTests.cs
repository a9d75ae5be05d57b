using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Relay.Flow.Abuse;
using Relay.Telemetry;
using Relay.Tests.Dns;

namespace Relay.Tests.Flow.Abuse;

/// <summary>DNS lists (RFC 5782): how they are asked, which answers count, and when they aren't used.</summary>
public sealed class DnsListTests : IDisposable
{
    private readonly ScriptedResolver _dns = new();
    private readonly FakeTimeProvider _time = new();
    private readonly RelayMetrics _metrics = new();

    public void Dispose() => _metrics.Dispose();

    [Theory]
    [InlineData("192.0.2.99", "99.2.0.192.")]
    [InlineData("2001:db8:1:2:3:4:567:89ab", "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.")]
    public void Addresses_are_reversed_by_octets_or_nibbles(string address, string name) => Assert.Equal(name, DnsList.Reversed(IPAddress.Parse(address)));

    [Theory]
    [InlineData("127.0.0.2", "127.0.0.2", true)]
    [InlineData("127.0.0.2", "127.0.0.3", false)]
    [InlineData("127.0.0.[2..11]", "127.0.0.11", true)]
    [InlineData("127.0.0.[2..11]", "127.0.0.12", false)]
    [InlineData("127.[0..1].0.[2;4..7;10]", "127.1.0.5", true)]
    [InlineData("127.[0..1].0.[2;4..7;10]", "127.2.0.5", false)]
    [InlineData("127.[0..1].0.[2;4..7;10]", "127.0.0.8", false)]
    public void Answers_count_octet_by_octet(string answers, string address, bool counts) =>
        Assert.Equal(counts, DnsListAnswers.Parse(answers)!.Contains(IPAddress.Parse(address)));

    [Theory]
    [InlineData("")]
    [InlineData("127.0.0")]
    [InlineData("127.0.0.")]
    [InlineData("127.0.0.256")]
    [InlineData("127.0.0.2.3")]
    [InlineData("127.0.0.[2")]
    [InlineData("127.0.0.[5..2]")]
    [InlineData("127.0.0.[]")]
    [InlineData("127.0.0.[2..3]x")]
    [InlineData("127.0.0.-1")]
    public void What_is_no_answer_is_refused(string answers) => Assert.Null(DnsListAnswers.Parse(answers));

    [Fact]
    public async Task A_list_is_used_when_it_lists_127_0_0_2_and_not_127_0_0_1()
    {
        DnsLists lists = Lists(new DnsListOptions { Zone = "bl.test" });
        _dns.Host("99.2.0.192.bl.test", "127.0.0.4");
        Assert.Equal(0, await ScoreAsync(lists));
        await TestAsync(lists);
        Assert.Equal(0, await ScoreAsync(lists));

        _dns.Host("2.0.0.127.bl.test", "127.0.0.2");
        await TestAsync(lists);
        // It isn't asked again for some minutes.
        Assert.Equal(0, await ScoreAsync(lists));
        _time.Advance(TimeSpan.FromMinutes(6));
        await TestAsync(lists);
        Assert.Equal(1, await ScoreAsync(lists));
    }

    [Fact]
    public async Task A_zone_that_answers_everything_lists_nobody()
    {
        DnsLists lists = Lists(new DnsListOptions { Zone = "bl.test" });
        _dns.Host("2.0.0.127.bl.test", "127.0.0.2").Host("1.0.0.127.bl.test", "127.0.0.2").Host("99.2.0.192.bl.test", "127.0.0.2");
        await TestAsync(lists);
        Assert.Equal(0, await ScoreAsync(lists));
    }

    [Theory]
    [InlineData("127.255.255.254")]
    [InlineData("203.0.113.80")]
    public async Task An_answer_that_is_none_stops_the_use_of_the_list_until_it_passes_its_test(string answer)
    {
        DnsLists lists = Usable(new DnsListOptions { Zone = "bl.test" });
        await TestAsync(lists);
        _dns.Host("99.2.0.192.bl.test", answer).Host("98.2.0.192.bl.test", "127.0.0.2");
        Assert.Equal(0, await ScoreAsync(lists));
        Assert.False(lists.AreUsable);
        Assert.Equal(0, await ScoreAsync(lists, "192.0.2.98"));
        _time.Advance(TimeSpan.FromMinutes(6));
        await TestAsync(lists);
        Assert.Equal(1, await ScoreAsync(lists, "192.0.2.98"));
    }

    [Fact]
    public async Task Weights_add_up_and_lists_of_the_good_take_away()
    {
        DnsLists lists = Usable(
            new DnsListOptions { Zone = "a.test", Weight = 2 }, new DnsListOptions { Zone = "b.test", Weight = 3, Answers = [DnsListAnswers.Parse("127.0.0.[4..7]")!] }, new DnsListOptions { Zone = "white.test", Weight = -4 });
        await TestAsync(lists);
        _dns.Host("99.2.0.192.a.test", "127.0.0.2").Host("99.2.0.192.b.test", "127.0.0.5").Txt("99.2.0.192.b.test", "see\r\nhttps://b.test/\u00e9\0" + new string('x', 400));
        _dns.Host("98.2.0.192.a.test", "127.0.0.2").Host("98.2.0.192.b.test", "127.0.0.9");
        _dns.Host("97.2.0.192.a.test", "127.0.0.2").Host("97.2.0.192.b.test", "127.0.0.5").Host("97.2.0.192.white.test", "127.0.10.1");
        DnsVerdict worst = await lists.JudgeAsync(IPAddress.Parse("192.0.2.99"), 1, TestContext.Current.CancellationToken);
        Assert.Equal((5, "b.test"), (worst.Score, worst.Zone));
        Assert.StartsWith("see??https://b.test/??xxx", worst.Text, StringComparison.Ordinal);
        Assert.Equal(200, worst.Text.Length);
        Assert.Equal(2, await ScoreAsync(lists, "192.0.2.98"));
        Assert.Equal(1, await ScoreAsync(lists, "192.0.2.97"));
    }

    [Fact]
    public async Task A_list_that_fails_has_nothing_against_the_client()
    {
        DnsLists lists = Usable(new DnsListOptions { Zone = "a.test" }, new DnsListOptions { Zone = "b.test" });
        await TestAsync(lists);
        _dns.Fails("A", "99.2.0.192.a.test").Host("99.2.0.192.b.test", "127.0.0.2");
        Assert.Equal(1, await ScoreAsync(lists));
        Assert.True(lists.AreUsable);
    }

    [Fact]
    public async Task IPv6_is_asked_where_the_list_does_not_list_everybody()
    {
        DnsLists lists = Usable(new DnsListOptions { Zone = "bl.test" });
        _dns.Host(DnsList.Reversed(IPAddress.Parse("2001:db8::1")) + "bl.test", "127.0.0.2");
        await TestAsync(lists);
        Assert.Equal(1, await ScoreAsync(lists, "2001:db8::1"));

        _dns.Host("1.0.0.0.0.0.f.7.f.f.f.f." + string.Concat(Enumerable.Repeat("0.", 20)) + "bl.test", "127.0.0.2");
        _time.Advance(TimeSpan.FromHours(2));
        await TestAsync(lists);
        Assert.Equal(0, await ScoreAsync(lists, "2001:db8::1"));
    }

    private static async Task<int> ScoreAsync(DnsLists lists, string address = "192.0.2.99") => (await lists.JudgeAsync(IPAddress.Parse(address), 1, TestContext.Current.CancellationToken)).Score;

    private static Task TestAsync(DnsLists lists) => lists.TestAsync(TestContext.Current.CancellationToken);

    private DnsLists Lists(params DnsListOptions[] options) => new(options, _dns, _time, _metrics, NullLogger.Instance);

    private DnsLists Usable(params DnsListOptions[] options)
    {
        foreach (DnsListOptions list in options)
        {
            _dns.Host("2.0.0.127." + list.Zone, "127.0.0.2");
        }

        return Lists(options);
    }
}

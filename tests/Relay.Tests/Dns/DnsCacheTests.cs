using System.Net;
using Microsoft.Extensions.Time.Testing;
using Relay.Dns;

namespace Relay.Tests.Dns;

public sealed class DnsCacheTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly ScriptedResolver _dns = new();

    [Fact]
    public async Task An_answer_is_kept_as_long_as_its_time_to_live_and_no_longer()
    {
        _dns.TimeToLive = TimeSpan.FromSeconds(30);
        _dns.Host("mx.example", "192.0.2.1");
        var cache = new DnsCache(_dns, _time);

        await cache.Ipv4Async("mx.example", default);
        _time.Advance(TimeSpan.FromSeconds(29.9));
        await cache.Ipv4Async("mx.example", default);
        Assert.Equal(1, _dns.Asked("A", "mx.example"));

        _time.Advance(TimeSpan.FromSeconds(0.1));
        DnsAnswer<IPAddress> again = await cache.Ipv4Async("mx.example", default);
        Assert.Equal(2, _dns.Asked("A", "mx.example"));
        Assert.Equal(IPAddress.Parse("192.0.2.1"), Assert.Single(again.Records));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-5, 1)]
    [InlineData(10, 10)]
    [InlineData(365 * 86400, 86400)]
    public void Time_to_live_of_records_stays_between_a_second_and_a_day(int seconds, int kept) =>
        Assert.Equal(TimeSpan.FromSeconds(kept), DnsCache.KeepFor(DnsStatus.Found, TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(DnsStatus.NoData)]
    [InlineData(DnsStatus.NameError)]
    public void A_negative_answer_is_kept_at_most_three_hours(DnsStatus status) =>
        Assert.Equal(TimeSpan.FromHours(3), DnsCache.KeepFor(status, TimeSpan.FromDays(1)));

    [Fact]
    public async Task A_negative_answer_is_kept_for_the_time_its_zone_says()
    {
        _dns.TimeToLive = TimeSpan.FromMinutes(5);
        var cache = new DnsCache(_dns, _time);
        Assert.Equal(DnsStatus.NameError, (await cache.MxAsync("none.example", default)).Status);
        _time.Advance(TimeSpan.FromMinutes(4));
        await cache.MxAsync("none.example", default);
        Assert.Equal(1, _dns.Asked("MX", "none.example"));
        _time.Advance(TimeSpan.FromMinutes(1));
        await cache.MxAsync("none.example", default);
        Assert.Equal(2, _dns.Asked("MX", "none.example"));
    }

    [Fact]
    public async Task A_temporary_failure_is_kept_for_five_seconds_only()
    {
        _dns.Fails("MX", "slow.example");
        var cache = new DnsCache(_dns, _time);
        await cache.MxAsync("slow.example", default);
        await cache.MxAsync("slow.example", default);
        Assert.Equal(1, _dns.Asked("MX", "slow.example"));

        _dns.Mx("slow.example", (10, "mx.example"));
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(DnsStatus.Found, (await cache.MxAsync("slow.example", default)).Status);
    }

    [Fact]
    public async Task Case_and_a_trailing_dot_make_no_other_question()
    {
        _dns.Mx("example.com", (10, "mx.example.com"));
        var cache = new DnsCache(_dns, _time);
        await cache.MxAsync("example.com", default);
        await cache.MxAsync("EXAMPLE.com.", default);
        Assert.Equal(1, _dns.AskedInAll);
        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public async Task Types_are_kept_apart()
    {
        _dns.Mx("example.com", (10, "mx.example.com")).Host("example.com", "192.0.2.1", "2001:db8::1");
        var cache = new DnsCache(_dns, _time);
        await cache.MxAsync("example.com", default);
        Assert.Equal(IPAddress.Parse("192.0.2.1"), Assert.Single((await cache.Ipv4Async("example.com", default)).Records));
        Assert.Equal(IPAddress.Parse("2001:db8::1"), Assert.Single((await cache.Ipv6Async("example.com", default)).Records));
    }

    [Fact]
    public async Task Many_who_ask_the_same_at_once_are_one_question()
    {
        _dns.Host("mx.example", "192.0.2.1");
        TaskCompletionSource held = _dns.Hold("A", "mx.example");
        var cache = new DnsCache(_dns, _time);
        Task<DnsAnswer<IPAddress>>[] waiting = [.. Enumerable.Range(0, 50).Select(_ => cache.Ipv4Async("mx.example", default).AsTask())];
        Assert.All(waiting, task => Assert.False(task.IsCompleted));

        held.SetResult();
        Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal(DnsStatus.Found, answer.Status));
        Assert.Equal(1, _dns.AskedInAll);
    }

    [Fact]
    public async Task One_who_stops_waiting_does_not_stop_the_question_of_the_others()
    {
        _dns.Host("mx.example", "192.0.2.1");
        TaskCompletionSource held = _dns.Hold("A", "mx.example");
        var cache = new DnsCache(_dns, _time);
        using var first = new CancellationTokenSource();
        Task<DnsAnswer<IPAddress>> leaving = cache.Ipv4Async("mx.example", first.Token).AsTask();
        Task<DnsAnswer<IPAddress>> staying = cache.Ipv4Async("mx.example", default).AsTask();

        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        held.SetResult();
        Assert.Equal(DnsStatus.Found, (await staying).Status);
        Assert.Equal(1, _dns.AskedInAll);
    }

    [Fact]
    public async Task A_hit_is_answered_at_once_and_allocates_nothing()
    {
        _dns.Mx("example.com", (10, "mx.example.com"));
        var cache = new DnsCache(_dns, _time);
        await cache.MxAsync("example.com", default);
        for (int i = 0; i < 100; i++)
        {
            Assert.True(cache.MxAsync("example.com", default).AsTask().IsCompletedSuccessfully);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            await cache.MxAsync("example.com", default);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task It_never_holds_more_than_its_capacity_and_keeps_what_is_used()
    {
        _dns.Host("used.example", "192.0.2.1");
        var cache = new DnsCache(_dns, _time, capacity: 100);
        for (int i = 0; i < 1000; i++)
        {
            await cache.Ipv4Async($"h{i}.example", default);
            await cache.Ipv4Async("used.example", default);
            Assert.True(cache.Count <= 100);
        }

        Assert.Equal(1, _dns.Asked("A", "used.example"));
        Assert.Equal(100, cache.Count);
    }

    [Fact]
    public async Task It_is_bounded_even_when_everything_in_it_is_used()
    {
        var cache = new DnsCache(_dns, _time, capacity: 40);
        for (int i = 0; i < 200; i++)
        {
            await cache.Ipv4Async($"h{i}.example", default);
            for (int used = Math.Max(0, i - 39); used <= i; used++)
            {
                await cache.Ipv4Async($"h{used}.example", default);
            }

            Assert.True(cache.Count <= 40);
        }
    }

    [Fact]
    public async Task A_bug_below_reaches_those_who_wait_and_is_not_kept()
    {
        var cache = new DnsCache(new BrokenResolver(), _time);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await cache.MxAsync("example.com", default));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await cache.MxAsync("example.com", default));
        Assert.Equal(0, cache.Count);
    }

    private sealed class BrokenResolver : IDnsResolver
    {
        public ValueTask<DnsAnswer<MxRecord>> MxAsync(string domain, CancellationToken cancel) => throw new InvalidOperationException();

        public ValueTask<DnsAnswer<IPAddress>> Ipv4Async(string host, CancellationToken cancel) => throw new InvalidOperationException();

        public ValueTask<DnsAnswer<IPAddress>> Ipv6Async(string host, CancellationToken cancel) => throw new InvalidOperationException();

        public ValueTask<DnsAnswer<TlsaRecord>> TlsaAsync(string name, CancellationToken cancel) => throw new InvalidOperationException();

        public ValueTask<DnsAnswer<string>> TxtAsync(string name, CancellationToken cancel) => throw new InvalidOperationException();

        public ValueTask<DnsAnswer<string>> PtrAsync(IPAddress address, CancellationToken cancel) => throw new InvalidOperationException();
    }
}

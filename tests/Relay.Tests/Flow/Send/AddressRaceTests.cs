using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Relay.Flow;
using Relay.Flow.Send;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Send;

/// <summary>Which of a host's addresses is used, and how long one that doesn't work holds the others up (RFC 8305).</summary>
public class AddressRaceTests
{
    private static readonly ConnectionKey Ipv6 = Key("2001:db8::1");
    private static readonly ConnectionKey Ipv4 = Key("192.0.2.1");
    private static readonly TaskCompletionSource Never = new();

    private readonly FakeTimeProvider _time = new();
    private readonly ScriptedDialer _dialer = new();
    private readonly AddressRace _race;

    public AddressRaceTests() => _race = new AddressRace(_dialer, _time, new FamilyMemory(_time));

    [Fact]
    public async Task The_first_address_that_answers_at_once_is_the_only_one_that_is_tried()
    {
        RaceResult result = await RunAsync();
        Assert.Equal(Ipv6, result.Winner);
        Assert.Single(_dialer.Begun);
    }

    [Fact]
    public async Task A_silent_family_costs_a_quarter_of_a_second_once_and_comes_second_for_the_next_ten_minutes()
    {
        Swallow(Ipv6);
        Task<RaceResult> race = RunAsync();
        _time.Advance(TimeSpan.FromMilliseconds(249));
        Assert.Single(_dialer.Begun);
        Assert.Equal(Ipv4, (await EndedAfter(TimeSpan.FromMilliseconds(1), race)).Winner);

        _dialer.Begun.Clear();
        Assert.Equal(Ipv4, (await RunAsync()).Winner);
        Assert.Equal([Ipv4.EndPoint], _dialer.Begun);

        _time.Advance(TimeSpan.FromMinutes(10));
        _dialer.Begun.Clear();
        Assert.Equal(Ipv4, (await EndedAfter(TimeSpan.FromMilliseconds(250), RunAsync())).Winner);
        Assert.Equal([Ipv6.EndPoint, Ipv4.EndPoint], _dialer.Begun);
    }

    [Fact]
    public async Task An_address_that_fails_at_once_makes_room_for_the_next_at_once()
    {
        Fail(Ipv6, SocketError.NetworkUnreachable);
        Assert.Equal(Ipv4, (await RunAsync()).Winner);
        _dialer.Begun.Clear();
        Assert.Equal(Ipv4, (await RunAsync()).Winner);
        Assert.Equal([Ipv4.EndPoint], _dialer.Begun);
    }

    [Fact]
    public async Task A_refusal_says_nothing_against_the_family()
    {
        Fail(Ipv6, SocketError.ConnectionRefused);
        await RunAsync();
        _dialer.Begun.Clear();
        await RunAsync();
        Assert.Equal([Ipv6.EndPoint, Ipv4.EndPoint], _dialer.Begun);
    }

    [Fact]
    public async Task The_time_to_connect_holds_for_all_addresses_together()
    {
        Swallow(Ipv6, Ipv4);
        Task<RaceResult> race = RunAsync();
        _time.Advance(TimeSpan.FromMilliseconds(250));
        await Eventually.True(() => _dialer.Begun.Count == 2, "the second address");
        _time.Advance(TimeSpan.FromMilliseconds(4749));
        Assert.False(race.IsCompleted);
        RaceResult result = await EndedAfter(TimeSpan.FromMilliseconds(1), race);
        Assert.IsAssignableFrom<OperationCanceledException>(result.Failure);
        Assert.Equal(0, _dialer.Open);
    }

    [Fact]
    public async Task A_loser_that_answers_too_late_is_closed()
    {
        var late = new TaskCompletionSource();
        // Its answer can't be called off any more.
        var deaf = new DeafDialer(_dialer, Ipv6.EndPoint, late.Task);
        Task<RaceResult> running = new AddressRace(deaf, _time, new FamilyMemory(_time)).RunAsync([Ipv6, Ipv4], TimeSpan.FromSeconds(5)).AsTask();
        RaceResult result = await EndedAfter(TimeSpan.FromMilliseconds(250), running);
        Assert.Equal(Ipv4, result.Winner);
        late.SetResult();
        await Eventually.True(() => _dialer.Opened.Count == 2, "the late answer");
        await Eventually.True(() => _dialer.Open == 1, "its end");
        result.Dialed.Close.Dispose();
        Assert.Equal(0, _dialer.Open);
    }

    [Fact]
    public async Task Without_any_answer_the_trouble_of_our_own_is_what_is_told()
    {
        _dialer.Dial = to => to.Equals(Ipv6.EndPoint)
            ? throw new SourceAddressException(IPAddress.Parse("2001:db8::99"), new SocketException((int)SocketError.AddressNotAvailable))
            : throw new SocketException((int)SocketError.HostUnreachable);
        RaceResult result = await RunAsync();
        Assert.Equal("2001:db8::99 is not an address of this machine", Assert.IsType<SourceAddressException>(result.Failure).Message);
    }

    private static ConnectionKey Key(string address) => new(IPAddress.Parse(address), 25, "mx.dest.example", NextHopScheme.Smtp, OutboundTls.None);

    private Task<RaceResult> RunAsync() => _race.RunAsync([Ipv6, Ipv4], TimeSpan.FromSeconds(5)).AsTask();

    private void Swallow(params ConnectionKey[] keys) => _dialer.Dial = to => keys.Any(k => k.EndPoint.Equals(to)) ? Never.Task : Task.CompletedTask;

    private void Fail(ConnectionKey key, SocketError error) => _dialer.Dial = to => key.EndPoint.Equals(to) ? throw new SocketException((int)error) : Task.CompletedTask;

    private async Task<RaceResult> EndedAfter(TimeSpan wait, Task<RaceResult> race)
    {
        _time.Advance(wait);
        await Eventually.True(() => race.IsCompleted, "the end of the race");
        return await race;
    }

    private sealed class DeafDialer(ScriptedDialer inner, EndPoint slow, Task answer) : IDialer
    {
        public async ValueTask<Dialed> DialAsync(EndPoint to, IPAddress? from, CancellationToken cancel)
        {
            if (to.Equals(slow))
            {
                await answer;
            }

            return await inner.DialAsync(to, from, CancellationToken.None);
        }
    }
}

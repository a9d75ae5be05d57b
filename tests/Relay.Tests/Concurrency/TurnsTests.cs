using Microsoft.Extensions.Time.Testing;
using Relay.Concurrency;
using Relay.Tests.Support;

namespace Relay.Tests.Concurrency;

public sealed class TurnsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task So_many_have_a_turn_and_the_others_come_in_order()
    {
        var turns = new Turns(2, 10, Patience, _time);
        Assert.True(await TakeAsync(turns));
        Assert.True(await TakeAsync(turns));
        var order = new List<int>();
        Task[] waiting = [.. Enumerable.Range(0, 5).Select(WaitAsync)];
        Assert.Equal(5, turns.Waiting);
        Assert.True(turns.IsBusy);
        for (int i = 0; i < 5; i++)
        {
            turns.End();
            await waiting[i].WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            Assert.Equal(Enumerable.Range(0, i + 1), order);
        }

        turns.End();
        turns.End();
        Assert.False(turns.IsBusy);

        async Task WaitAsync(int place)
        {
            Assert.True(await TakeAsync(turns));
            order.Add(place);
        }
    }

    [Fact]
    public async Task Who_finds_the_room_full_is_told_so_at_once_but_for_what_has_begun()
    {
        var turns = new Turns(1, 1, Patience, _time);
        Assert.True(await TakeAsync(turns));
        Task<bool> waits = TakeAsync(turns);
        Assert.False(await TakeAsync(turns));
        Task<bool> begun = turns.TryTakeAsync(isExpected: true, CancellationToken.None).AsTask();
        turns.End();
        Assert.True(await waits);
        Assert.False(begun.IsCompleted);
        turns.End();
        Assert.True(await begun);
    }

    [Fact]
    public async Task Who_has_waited_too_long_or_is_called_away_gets_none_and_is_in_nobodys_way()
    {
        var turns = new Turns(1, 10, Patience, _time);
        using var away = new CancellationTokenSource();
        Assert.True(await TakeAsync(turns));
        Task<bool> called = turns.TryTakeAsync(isExpected: false, away.Token).AsTask();
        Task<bool> late = TakeAsync(turns);
        await away.CancelAsync();
        Assert.False(await called);
        _time.Advance(Patience - TimeSpan.FromSeconds(1));
        Task<bool> last = TakeAsync(turns);
        Assert.False(late.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(await late);
        Assert.False(last.IsCompleted);
        turns.End();
        Assert.True(await last);
        turns.End();
        Assert.False(turns.IsBusy);
    }

    /// <summary>On the pool's real threads: never more at once than may, and none is forgotten.</summary>
    [Fact]
    public async Task No_turn_is_lost_or_doubled_whoever_gives_up()
    {
        var turns = new Turns(3, int.MaxValue, Patience, TimeProvider.System);
        int inside = 0;
        int most = 0;
        int done = 0;
        await Task.WhenAll(Enumerable.Range(0, 64).Select(i => Task.Run(
            async () =>
            {
                for (int round = 0; round < 200; round++)
                {
                    using var cancel = new CancellationTokenSource();
                    ValueTask<bool> turn = turns.TryTakeAsync(isExpected: false, cancel.Token);
                    if ((round + i) % 7 == 0)
                    {
                        await cancel.CancelAsync();
                    }

                    if (await turn)
                    {
                        int now = Interlocked.Increment(ref inside);
                        InterlockedMax(ref most, now);
                        await Task.Yield();
                        Interlocked.Decrement(ref inside);
                        Interlocked.Increment(ref done);
                        turns.End();
                    }
                }
            },
            TestContext.Current.CancellationToken)));
        Assert.InRange(most, 1, 3);
        Assert.True(done >= 64 * 200 * 6 / 7, $"{done} had a turn");
        await Eventually.True(() => !turns.IsBusy, "all turns are free again");
        Assert.Equal(0, turns.Waiting);
    }

    private static Task<bool> TakeAsync(Turns turns) => turns.TryTakeAsync(isExpected: false, CancellationToken.None).AsTask();

    private static void InterlockedMax(ref int most, int value)
    {
        int seen = Volatile.Read(ref most);
        while (seen < value && Interlocked.CompareExchange(ref most, value, seen) is var now && now != seen)
        {
            seen = now;
        }
    }
}

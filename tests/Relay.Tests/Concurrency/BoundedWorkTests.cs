using System.Collections.Concurrent;
using Relay.Concurrency;
using Relay.Tests.Support;

namespace Relay.Tests.Concurrency;

public class BoundedWorkTests
{
    [Fact]
    public async Task Never_more_than_the_limit_runs_and_everything_runs_once()
    {
        int running = 0;
        int most = 0;
        var done = new ConcurrentBag<int>();
        var work = new BoundedWork<int>(4, async item =>
        {
            int now = Interlocked.Increment(ref running);
            InterlockedMax(ref most, now);
            await Task.Yield();
            done.Add(item);
            Interlocked.Decrement(ref running);
        });
        Parallel.For(0, 10_000, work.Post);
        await Eventually.True(() => done.Count == 10_000, "all of it");
        Assert.InRange(most, 1, 4);
        Assert.Equal(Enumerable.Range(0, 10_000), done.Order());
    }

    [Fact]
    public async Task What_waits_when_it_is_stopped_is_not_begun()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int begun = 0;
        var work = new BoundedWork<int>(1, async _ =>
        {
            Interlocked.Increment(ref begun);
            await gate.Task;
        });
        work.Post(1);
        work.Post(2);
        await Eventually.True(() => Volatile.Read(ref begun) == 1, "the first");
        Assert.Equal(1, work.Waiting);
        Task stopped = work.StopAsync();
        Assert.False(stopped.IsCompleted);
        gate.SetResult();
        await stopped.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(1, begun);
    }

    [Fact]
    public async Task What_is_posted_often_has_no_more_turns_than_what_is_posted_once()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var begun = new ConcurrentQueue<string>();
        var work = new BoundedWork<string>(1, async item =>
        {
            begun.Enqueue(item);
            await gate.Task;
        });
        foreach (string item in (string[])["running", "often", "often", "often", "once", "often", "later"])
        {
            work.Post(item);
        }

        Assert.Equal(6, work.Waiting);
        gate.SetResult();
        await Eventually.True(() => begun.Count == 7, "all of it");
        Assert.Equal(["running", "often", "once", "later", "often", "often", "often"], begun);
        Assert.Equal(0, work.Waiting);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        int seen = Volatile.Read(ref most);
        while (seen < value && Interlocked.CompareExchange(ref most, value, seen) is var now && now != seen)
        {
            seen = now;
        }
    }
}

using System.Net;
using SmtpBlaster.Net;
using SmtpBlaster.Report;
using SmtpBlaster.Sink;
using SmtpBlaster.Source;
using SmtpBlaster.Tests.Harness;

namespace SmtpBlaster.Tests.Source;

public sealed class SourceScheduleTests
{
    private static readonly SourceOptions Options = Blaster.Source(new IPEndPoint(IPAddress.Loopback, 1)) with { Count = long.MaxValue };

    [Fact]
    public void An_open_loop_keeps_its_times_whoever_asks_when()
    {
        var schedule = new SourceSchedule(Options with { Rate = (100, 100) }, 0);
        Assert.Equal(Turn.Now, schedule.Take(0, 3, out Ticket first, out _));
        Assert.Equal(new Ticket(0, 3, 0), first);
        Assert.Equal(Turn.Later, schedule.Take(Clock.Millisecond, 1, out _, out long due));
        Assert.Equal(10 * Clock.Millisecond, due);
        // Somebody comes late: what was due long ago is due since then.
        Assert.Equal(Turn.Now, schedule.Take(Clock.Second, 1, out Ticket late, out _));
        Assert.Equal(new Ticket(3, 1, 10 * Clock.Millisecond), late);
    }

    [Fact]
    public void A_ramp_goes_from_one_rate_to_the_other()
    {
        var schedule = new SourceSchedule(Options with { Rate = (100, 300), Ramp = 10 * Clock.Second }, 0);
        // 2000 in the ramp, of which 100·5 + 20·25/2 in its first half; 300 a second behind it.
        Assert.Equal(0, schedule.IntendedAt(0));
        Assert.InRange(schedule.IntendedAt(750), 4.999 * Clock.Second, 5.001 * Clock.Second);
        Assert.InRange(schedule.IntendedAt(2000), 9.999 * Clock.Second, 10.001 * Clock.Second);
        Assert.InRange(schedule.IntendedAt(2300), 10.999 * Clock.Second, 11.001 * Clock.Second);
    }

    [Fact]
    public void What_is_due_by_a_time_is_what_is_intended_before_it()
    {
        foreach ((double, double) rate in new[] { (100.0, 300.0), (300.0, 100.0), (50.0, 50.0) })
        {
            var schedule = new SourceSchedule(Options with { Rate = rate, Ramp = 10 * Clock.Second }, 0);
            foreach (long n in new long[] { 0, 1, 499, 750, 2000, 5000 })
            {
                Assert.InRange(schedule.DueBy(schedule.IntendedAt(n)), n - 1, n + 1);
            }
        }
    }

    [Fact]
    public async Task Messages_that_were_due_and_never_begun_are_told()
    {
        // A hundred were due in the second, and one session had a tenth of a second for each.
        (SourceResult sent, _) = await Blaster.RunAsync(Blaster.Sink("end delay=100ms"), static o => o with { Sessions = (1, 1), Rate = (100, 100), Count = long.MaxValue, Duration = Clock.Second });
        Assert.InRange(sent.NotBegun, 90 - sent.Counters.Messages, 90);
        Assert.True(sent.NotBegun >= 78);
        (sent, _) = await Blaster.RunAsync(Blaster.Sink(), static o => o with { Rate = (100, 100), Count = 50 });
        Assert.Equal(0, sent.NotBegun);
    }

    [Fact]
    public void Sessions_grow_with_the_ramp()
    {
        var schedule = new SourceSchedule(Options with { Sessions = (10, 110), Ramp = 10 * Clock.Second }, 0);
        Assert.Equal([10, 60, 110, 110], new[] { 0, 5, 10, 20 }.Select(second => schedule.SessionsAt(second * Clock.Second)));
    }

    [Theory]
    [InlineData(5, long.MaxValue, 5)]
    [InlineData(long.MaxValue, 100, 10)]
    public void Ends_with_its_count_or_its_duration(long count, long durationMilliseconds, int messages)
    {
        long duration = durationMilliseconds == long.MaxValue ? long.MaxValue : durationMilliseconds * Clock.Millisecond;
        var schedule = new SourceSchedule(Options with { Rate = (100, 100), Count = count, Duration = duration }, 0);
        int taken = 0;
        for (long now = 0; now < Clock.Second && !schedule.IsOver; now += Clock.Millisecond)
        {
            taken += schedule.Take(now, 1, out _, out _) == Turn.Now ? 1 : 0;
        }

        Assert.Equal(messages, taken);
        Assert.True(schedule.IsOver);
    }

    [Fact]
    public async Task A_stall_of_the_server_shows_in_the_latency_of_all_that_were_due_meanwhile()
    {
        // One session at 200 a second; the first message is held up for half a second: a hundred others are late by up to that.
        SinkOptions sink = Blaster.Sink("connect delay=500ms");
        (SourceResult sent, _) = await Blaster.RunAsync(sink, static o => o with { Sessions = (1, 1), Rate = (200, 200), Count = 120 });
        Assert.Equal(120, sent.Counters.Acknowledged);
        Assert.InRange(Latency.At(sent.Latency, 100), 500_000, 20_000_000);
        Assert.InRange(Latency.At(sent.Latency, 50), 100_000, 20_000_000);
    }

    [Fact]
    public async Task A_rate_is_kept()
    {
        (SourceResult sent, _) = await Blaster.RunAsync(Blaster.Sink(), static o => o with { Rate = (500, 500), Count = 500, Threads = 2 });
        // The last is due after 998 ms. A machine that is busy makes it later, never earlier.
        Assert.InRange(sent.Elapsed, 998 * Clock.Millisecond, 30 * Clock.Second);
    }
}

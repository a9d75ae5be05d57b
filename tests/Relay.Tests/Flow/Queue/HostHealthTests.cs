using System.Net;
using Relay.Flow;
using Relay.Flow.Queue;

namespace Relay.Tests.Flow.Queue;

public class HostHealthTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_host_that_failed_comes_last_until_its_rest_is_over_and_then_one_finds_out()
    {
        var health = new HostHealth();
        health.Failed("a", Start);
        Assert.Equal("b c a", Order(health, Start.AddSeconds(29)));
        Assert.Equal("a b c", Order(health, Start.AddSeconds(30)));
        Assert.Equal("b c a", Order(health, Start.AddSeconds(31)));
    }

    [Fact]
    public void Each_failure_in_a_row_doubles_the_rest_to_eight_minutes_at_most()
    {
        var health = new HostHealth();
        for (int i = 0; i < 10; i++)
        {
            health.Failed("a", Start);
        }

        Assert.Equal("b c a", Order(health, Start.AddSeconds(479)));
        Assert.Equal("a b c", Order(health, Start.AddSeconds(480)));
    }

    [Fact]
    public void A_host_that_answers_is_one_like_the_others()
    {
        var health = new HostHealth();
        health.Failed("a", Start);
        health.Connected("a");
        Assert.Equal("a b c", Order(health, Start));
    }

    [Fact]
    public void When_all_rest_all_are_tried_all_the_same()
    {
        var health = new HostHealth();
        foreach (string host in (string[])["a", "b", "c"])
        {
            health.Failed(host, Start);
        }

        Assert.Equal("a b c", Order(health, Start.AddSeconds(1)));
    }

    private static string Order(HostHealth health, DateTimeOffset now)
    {
        List<HostTarget> targets = [.. new[] { "a", "b", "c" }.Select(static host => new HostTarget(host, IPAddress.Loopback, 25, 10))];
        health.Order(targets, now);
        return string.Join(' ', targets.Select(static t => t.Host));
    }
}

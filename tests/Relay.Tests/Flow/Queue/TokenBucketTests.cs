using Microsoft.Extensions.Time.Testing;
using Relay.Flow;
using Relay.Flow.Queue;

namespace Relay.Tests.Flow.Queue;

public class TokenBucketTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_tenth_goes_at_once_and_the_others_at_even_distances()
    {
        var bucket = new TokenBucket();
        var rate = new Rate(19, TimeSpan.FromSeconds(19));
        Assert.True(bucket.TryTake(rate, _time, out _));
        Assert.False(bucket.TryTake(rate, _time, out TimeSpan wait));
        Assert.Equal(TimeSpan.FromSeconds(1), wait);
        rate = new Rate(20, TimeSpan.FromSeconds(19));
        bucket = new TokenBucket();
        Assert.True(bucket.TryTake(rate, _time, out wait));
        Assert.Equal(TimeSpan.Zero, wait);
        Assert.True(bucket.TryTake(rate, _time, out _));
        Assert.False(bucket.TryTake(rate, _time, out wait));
        Assert.Equal(TimeSpan.FromSeconds(1), wait);
    }

    [Theory]
    [InlineData(1, 60)]
    [InlineData(3, 1)]
    [InlineData(10, 1)]
    [InlineData(100, 60)]
    [InlineData(7777, 3600)]
    public void There_are_never_more_in_any_time_of_its_length_and_nearly_so_many(int messages, int seconds)
    {
        var rate = new Rate(messages, TimeSpan.FromSeconds(seconds));
        var random = new Random(messages);
        var bucket = new TokenBucket();
        var sent = new List<long>();
        while (sent.Count < messages * 4)
        {
            if (bucket.TryTake(rate, _time, out TimeSpan wait))
            {
                sent.Add(_time.GetUtcNow().Ticks);
                continue;
            }

            Assert.True(wait > TimeSpan.Zero);
            // Mostly as soon as it may, at times a while later: the bucket fills and a burst follows.
            _time.Advance(wait + (random.Next(messages) == 0 ? rate.Per * random.NextDouble() : TimeSpan.Zero));
        }

        for (int i = messages; i < sent.Count; i++)
        {
            Assert.True(sent[i] - sent[i - messages] >= rate.Per.Ticks, $"{messages + 1} within {sent[i] - sent[i - messages]} ticks");
        }

        bucket = new TokenBucket();
        int count = 0;
        DateTimeOffset end = _time.GetUtcNow() + 10 * rate.Per;
        while (_time.GetUtcNow() < end)
        {
            if (bucket.TryTake(rate, _time, out TimeSpan wait))
            {
                count++;
                continue;
            }

            _time.Advance(wait);
        }

        Assert.InRange(count, messages * 9, messages * 10);
    }

    [Fact]
    public void The_wait_that_is_told_is_enough_and_not_too_long()
    {
        var rate = new Rate(7, TimeSpan.FromSeconds(10));
        var bucket = new TokenBucket();
        Assert.True(bucket.TryTake(rate, _time, out _));
        Assert.False(bucket.TryTake(rate, _time, out TimeSpan wait));
        _time.Advance(wait - TimeSpan.FromTicks(1));
        Assert.False(bucket.TryTake(rate, _time, out _));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.True(bucket.TryTake(rate, _time, out _));
    }

    [Fact]
    public void Idle_time_is_not_saved_up()
    {
        var rate = new Rate(50, TimeSpan.FromMinutes(1));
        var bucket = new TokenBucket();
        Assert.True(bucket.TryTake(rate, _time, out _));
        _time.Advance(TimeSpan.FromDays(100));
        int atOnce = 0;
        while (bucket.TryTake(rate, _time, out _))
        {
            atOnce++;
        }

        Assert.Equal(5, atOnce);
    }

    [Fact]
    public void A_new_rate_does_not_wait_for_the_old_one()
    {
        var bucket = new TokenBucket();
        Assert.True(bucket.TryTake(new Rate(1, TimeSpan.FromDays(7)), _time, out _));
        Assert.False(bucket.TryTake(new Rate(100, TimeSpan.FromSeconds(1)), _time, out TimeSpan wait));
        Assert.True(wait < TimeSpan.FromSeconds(1), $"{wait}");
    }
}

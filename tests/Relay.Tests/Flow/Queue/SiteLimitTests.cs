using Microsoft.Extensions.Time.Testing;
using Relay.Flow.Queue;
using Relay.Protocol.Smtp;

namespace Relay.Tests.Flow.Queue;

public class SiteLimitTests
{
    private static readonly TimeSpan Quick = TimeSpan.FromMilliseconds(40);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 25, 8, 0, 0, TimeSpan.Zero));

    [Fact]
    public void A_site_begins_with_two_connections_and_gets_one_more_for_each_message_until_the_ceiling()
    {
        SiteLimit limit = New(ceiling: 8);
        Assert.Equal(2, OpenAll(limit));
        for (int i = 3; i <= 8; i++)
        {
            limit.Answered(limit.Epoch, Quick);
            Assert.Equal(i, limit.Current);
            OpenAll(limit);
        }

        limit.Answered(limit.Epoch, Quick);
        Assert.Equal(8, limit.Current);
    }

    [Fact]
    public void A_ceiling_of_one_is_kept_from_the_first_connection_on()
    {
        SiteLimit limit = New(ceiling: 1);
        Assert.Equal(1, OpenAll(limit));
        limit.Answered(limit.Epoch, Quick);
        Assert.Equal(1, limit.Current);
    }

    [Fact]
    public void A_limit_that_is_not_used_does_not_grow()
    {
        SiteLimit limit = New();
        Assert.True(limit.TryOpen());
        for (int i = 0; i < 100; i++)
        {
            limit.Answered(limit.Epoch, Quick);
        }

        Assert.Equal(3, limit.Current);
    }

    [Fact]
    public void Replies_that_refuse_recipients_show_that_the_site_works_but_not_that_it_bears_more()
    {
        SiteLimit limit = New();
        OpenAll(limit);
        limit.Answered(limit.Epoch, null);
        Assert.Equal(2, limit.Current);
    }

    [Fact]
    public void Trouble_halves_what_is_open_once_for_all_that_was_under_way()
    {
        SiteLimit limit = Grown(16);
        int epoch = limit.Epoch;
        for (int i = 0; i < 16; i++)
        {
            limit.Pushback(epoch, SimulatedSite.TooMany);
        }

        Assert.Equal(8, limit.Current);
        Assert.True(limit.IsOver);
        CloseSurplus(limit);
        Assert.Equal(8, limit.Open);
        limit.Pushback(limit.Epoch, SimulatedSite.TooMany);
        Assert.Equal(4, limit.Current);
    }

    [Fact]
    public void After_trouble_it_grows_by_one_for_a_round_of_messages_and_not_to_the_number_that_met_it()
    {
        SiteLimit limit = Grown(10);
        limit.Pushback(limit.Epoch, SimulatedSite.TooMany);
        Assert.Equal(5, limit.Current);
        CloseSurplus(limit);
        for (int at = 5; at < 9; at++)
        {
            for (int i = 0; i < at; i++)
            {
                Assert.Equal(at, limit.Current);
                limit.Answered(limit.Epoch, Quick);
            }

            OpenAll(limit);
        }

        for (int i = 0; i < 100; i++)
        {
            limit.Answered(limit.Epoch, Quick);
        }

        Assert.Equal(9, limit.Current);
        _time.Advance(TimeSpan.FromMinutes(1));
        for (int i = 0; i < 9; i++)
        {
            limit.Answered(limit.Epoch, Quick);
        }

        Assert.Equal(10, limit.Current);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(19)]
    public void A_site_that_keeps_a_fixed_number_is_used_near_it_and_sent_one_too_many_a_minute(int capacity)
    {
        SiteLimit limit = New();
        var site = new SimulatedSite(_time, limit) { Capacity = capacity };
        site.Run(TimeSpan.FromMinutes(2));
        site.Run(TimeSpan.FromMinutes(30));
        Assert.InRange(site.MeanOpen, capacity * 0.9, capacity * 1.01);
        Assert.InRange(site.Most, capacity, capacity + 1);
        Assert.InRange(site.Refused, 10, 31);
    }

    [Fact]
    public void A_limit_that_the_site_has_lifted_is_found_out_within_minutes()
    {
        SiteLimit limit = New();
        var site = new SimulatedSite(_time, limit) { Capacity = 4 };
        site.Run(TimeSpan.FromMinutes(10));
        site.Capacity = int.MaxValue;
        site.Run(TimeSpan.FromMinutes(2));
        Assert.Equal(20, limit.Current);
        site.Capacity = 6;
        site.Run(TimeSpan.FromMinutes(2));
        site.Run(TimeSpan.FromMinutes(10));
        Assert.InRange(site.MeanOpen, 5, 6.1);
    }

    [Fact]
    public void A_site_that_gets_slower_with_each_connection_is_not_given_more_than_it_works_on()
    {
        SiteLimit limit = New(ceiling: 100);
        // It works on four messages at a time; more wait for each other.
        var site = new SimulatedSite(_time, limit) { Latency = n => TimeSpan.FromMilliseconds(100 * Math.Max(1, n / 4.0)) };
        site.Run(TimeSpan.FromMinutes(1));
        Assert.InRange(limit.Current, 4, 18);
        Assert.InRange(site.Taken, 60 * 40 * 0.9, 60 * 40 * 1.02);
    }

    [Fact]
    public void A_site_that_has_become_four_times_slower_loses_one_connection_a_round_and_it_is_said_why()
    {
        SiteLimit limit = Grown(10, TimeSpan.FromMilliseconds(95), ceiling: 10);
        for (int i = 0; i < 100 && limit.Current == 10; i++)
        {
            limit.Answered(limit.Epoch, TimeSpan.FromMilliseconds(1000));
        }

        Assert.Equal(9, limit.Current);
        Assert.Matches(@"^latency \d{3} ms against 95 ms$", limit.Changes[^1].Saw);
        CloseSurplus(limit);
        for (int i = 0; i < 200; i++)
        {
            limit.Answered(limit.Epoch, TimeSpan.FromMilliseconds(1000));
            CloseSurplus(limit);
        }

        Assert.Equal(1, limit.Current);
    }

    [Fact]
    public void A_site_that_stays_slow_is_measured_against_itself_in_the_end()
    {
        SiteLimit limit = New();
        var site = new SimulatedSite(_time, limit);
        site.Run(TimeSpan.FromMinutes(1));
        site.Latency = static _ => TimeSpan.FromSeconds(2);
        site.Run(TimeSpan.FromMinutes(3));
        Assert.InRange(limit.Current, 1, 19);
        site.Run(TimeSpan.FromMinutes(20));
        Assert.Equal(20, limit.Current);
    }

    [Fact]
    public void One_host_that_refuses_reduces_nothing_while_others_answer()
    {
        SiteLimit limit = Grown(20);
        for (int i = 0; i < 100; i++)
        {
            limit.Refused(limit.Epoch, 0.01, SimulatedSite.NoAnswer);
        }

        Assert.Equal(20, limit.Current);
        Assert.False(limit.IsSuspended(out _, out _));
        // The host that refuses serves others: it was one too many.
        limit.Refused(limit.Epoch, 1, SimulatedSite.NoAnswer);
        Assert.Equal(10, limit.Current);
    }

    [Fact]
    public void A_dead_site_is_left_alone_twice_as_long_after_each_probe_and_for_ten_minutes_at_most()
    {
        SiteLimit limit = Grown(5);
        limit.Refused(limit.Epoch, 0, SimulatedSite.NoAnswer);
        CloseSurplus(limit);
        double[] waits = new double[8];
        for (int i = 0; i < waits.Length; i++)
        {
            Assert.True(limit.IsSuspended(out PeerReply reason, out TimeSpan remaining));
            Assert.Equal(SimulatedSite.NoAnswer, reason);
            Assert.False(limit.TryOpen());
            waits[i] = remaining.TotalSeconds;
            _time.Advance(remaining - TimeSpan.FromSeconds(1));
            Assert.False(limit.TryOpen());
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal(1, OpenAll(limit));
            limit.Refused(limit.Epoch, 0, SimulatedSite.NoAnswer);
            limit.Close();
        }

        double[] middle = [30, 60, 120, 240, 480, 600, 600, 600];
        for (int i = 0; i < waits.Length; i++)
        {
            Assert.InRange(waits[i], middle[i] * 0.75, middle[i] * 1.25);
        }

        Assert.True(waits[5..].Distinct().Count() == 3, "they spread");
    }

    [Fact]
    public void Many_that_fail_together_are_one_death_and_not_many()
    {
        SiteLimit limit = Grown(20);
        int epoch = limit.Epoch;
        for (int i = 0; i < 20; i++)
        {
            limit.Refused(epoch, 0, SimulatedSite.NoAnswer);
            limit.Close();
        }

        Assert.True(limit.IsSuspended(out _, out TimeSpan remaining));
        Assert.True(remaining < TimeSpan.FromSeconds(38), $"{remaining}");
    }

    [Fact]
    public void A_probe_that_is_answered_opens_the_site_again_with_a_slow_start()
    {
        SiteLimit limit = Grown(20);
        limit.Refused(limit.Epoch, 0, SimulatedSite.NoAnswer);
        CloseSurplus(limit);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1, OpenAll(limit));
        limit.Answered(limit.Epoch, Quick);
        Assert.Equal(3, limit.Current);
        OpenAll(limit);
        limit.Answered(limit.Epoch, Quick);
        Assert.Equal(4, limit.Current);
        // Dead again, it is left alone as briefly as at first.
        limit.Refused(limit.Epoch, 0, SimulatedSite.NoAnswer);
        Assert.True(limit.IsSuspended(out _, out TimeSpan remaining));
        Assert.True(remaining < TimeSpan.FromSeconds(38), $"{remaining}");
    }

    [Fact]
    public void A_site_that_sends_everybody_away_is_not_hammered()
    {
        SiteLimit limit = New();
        var site = new SimulatedSite(_time, limit) { Capacity = 0 };
        site.Run(TimeSpan.FromHours(1));
        Assert.InRange(site.Refused, 8, 15);
        site.Capacity = int.MaxValue;
        site.Run(TimeSpan.FromMinutes(13));
        Assert.Equal(20, limit.Current);
    }

    [Fact]
    public void A_site_that_sends_its_last_connection_away_after_each_message_still_has_one()
    {
        SiteLimit limit = New();
        for (int i = 0; i < 100; i++)
        {
            Assert.True(limit.TryOpen());
            limit.Answered(limit.Epoch, null);
            limit.Pushback(limit.Epoch, SimulatedSite.TooMany);
            limit.Close();
        }

        Assert.Equal(1, limit.Current);
        Assert.False(limit.IsSuspended(out _, out _));
    }

    [Fact]
    public void What_went_down_and_comes_up_again_is_back_at_its_limit_within_a_minute_of_the_probe()
    {
        SiteLimit limit = New();
        var site = new SimulatedSite(_time, limit);
        site.Run(TimeSpan.FromMinutes(1));
        site.IsDown = true;
        site.Run(TimeSpan.FromMinutes(30));
        Assert.InRange(site.Refused - 20, 3, 10);
        site.IsDown = false;
        site.Run(TimeSpan.FromMinutes(13.5));
        Assert.Equal(20, limit.Current);
    }

    [Fact]
    public void Every_change_says_what_was_seen_and_steady_growth_is_one()
    {
        SiteLimit limit = Grown(8);
        Assert.Equal([new LimitChange(_time.GetUtcNow(), 2, 8, "messages taken without trouble")], limit.Changes);
        _time.Advance(TimeSpan.FromSeconds(5));
        limit.Pushback(limit.Epoch, SimulatedSite.TooMany);
        Assert.Equal(new LimitChange(_time.GetUtcNow(), 8, 4, "421 4.7.0 Too many connections from 192.0.2.1"), limit.Changes[^1]);
        limit.Apply(3);
        Assert.Equal(new LimitChange(_time.GetUtcNow(), 4, 3, "a lower limit in the configuration"), limit.Changes[^1]);
        limit.Refused(limit.Epoch, 0, SimulatedSite.NoAnswer);
        limit.Refused(limit.Epoch, 0, SimulatedSite.NoAnswer);
        Assert.Equal(new LimitChange(_time.GetUtcNow(), 3, 0, "connect failed: connection refused"), limit.Changes[^1]);
        limit.Answered(limit.Epoch, null);
        Assert.Equal(new LimitChange(_time.GetUtcNow(), 0, 2, "it answers again"), limit.Changes[^1]);
        Assert.Equal(5, limit.Changes.Count);
    }

    [Fact]
    public void The_limit_is_between_one_and_the_ceiling_whatever_happens()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            int ceiling = 1 + random.Next(30);
            var limit = new SiteLimit(_time, random, ceiling);
            for (int i = 0; i < 500; i++)
            {
                int epoch = Math.Max(0, limit.Epoch - random.Next(3));
                switch (random.Next(9))
                {
                    case 0: limit.Pushback(epoch, SimulatedSite.TooMany); break;
                    case 1: limit.Refused(epoch, random.Next(3) / 2.0, SimulatedSite.NoAnswer); break;
                    case 2: _time.Advance(TimeSpan.FromSeconds(random.Next(100))); break;
                    case 3 when limit.Open > 0: limit.Close(); break;
                    case 4 when random.Next(20) == 0: limit.Apply(ceiling = 1 + random.Next(30)); break;
                    case 5: limit.TryOpen(); break;
                    default: limit.Answered(epoch, random.Next(4) == 0 ? null : TimeSpan.FromMilliseconds(random.Next(1000))); break;
                }

                Assert.InRange(limit.Current, 1, ceiling);
                Assert.InRange(limit.Changes.Count, 0, 8);
                int open = limit.Open;
                int more = OpenAll(limit);
                Assert.True(more == 0 || open + more <= limit.Current, "no more are opened than the limit says");
                Assert.True(more == 0 || !limit.IsSuspended(out _, out _), "none is opened to a site taken for dead");
                for (; more > 0; more--)
                {
                    limit.Close();
                }
            }
        }
    }

    private SiteLimit New(int ceiling = 20) => new(_time, new Random(5), ceiling);

    /// <summary>A limit in full use that has grown so far without trouble.</summary>
    private SiteLimit Grown(int to, TimeSpan? latency = null, int ceiling = 20)
    {
        SiteLimit limit = New(ceiling);
        OpenAll(limit);
        while (limit.Current < to)
        {
            limit.Answered(limit.Epoch, latency ?? Quick);
            OpenAll(limit);
        }

        return limit;
    }

    private static int OpenAll(SiteLimit limit)
    {
        int opened = 0;
        while (limit.TryOpen())
        {
            opened++;
        }

        return opened;
    }

    private static void CloseSurplus(SiteLimit limit)
    {
        while (limit.IsOver)
        {
            limit.Close();
        }
    }
}

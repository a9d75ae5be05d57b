using Microsoft.Extensions.Time.Testing;
using Relay.Flow.Queue;

namespace Relay.Tests.Flow.Queue;

public class SiteCrowdTests
{
    private static readonly TimeSpan Quick = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(300);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 25, 8, 0, 0, TimeSpan.Zero));
    private readonly SiteCrowd _crowd;

    public SiteCrowdTests() => _crowd = new SiteCrowd(_time);

    [Fact]
    public void A_site_that_is_as_slow_as_all_others_goes_on_growing()
    {
        SiteLimit[] sites = Sites(20);
        Answer(sites, Quick, rounds: 1);
        Answer(sites, Slow, rounds: 30);
        Assert.All(sites, static s => Assert.Equal(20, s.Current));
    }

    [Fact]
    public void A_site_that_is_slower_than_the_others_is_held_down_as_if_it_were_alone()
    {
        SiteLimit[] sites = Sites(20);
        Answer(sites, Quick, rounds: 30);
        for (int i = 0; i < 300; i++)
        {
            Answer(sites[1..], Quick, rounds: 1);
            Answer(sites[..1], Slow, rounds: 1);
        }

        Assert.Equal(1, sites[0].Current);
        Assert.All(sites[1..], static s => Assert.Equal(20, s.Current));
    }

    [Fact]
    public void A_few_sites_that_are_slow_together_are_each_measured_against_itself()
    {
        SiteLimit[] sites = Sites(7);
        Answer(sites, Quick, rounds: 1);
        Answer(sites, Slow, rounds: 300);
        Assert.All(sites, static s => Assert.Equal(1, s.Current));
    }

    [Fact]
    public void What_was_reported_long_ago_says_nothing()
    {
        for (int i = 0; i < 20; i++)
        {
            _crowd.Report(_crowd.Join(), 100);
        }

        Assert.Equal(100, _crowd.Usual());
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(0, _crowd.Usual());
    }

    private SiteLimit[] Sites(int count) => [.. Enumerable.Range(0, count).Select(_ => new SiteLimit(_time, new Random(5), 20, _crowd))];

    /// <summary>Each of them makes use of all it may have, and takes a message.</summary>
    private static void Answer(SiteLimit[] sites, TimeSpan latency, int rounds)
    {
        for (int i = 0; i < rounds; i++)
        {
            foreach (SiteLimit site in sites)
            {
                while (site.TryOpen())
                {
                }

                site.Answered(site.Epoch, latency);
                while (site.IsOver)
                {
                    site.Close();
                }
            }
        }
    }
}

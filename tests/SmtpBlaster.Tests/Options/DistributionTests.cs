using SmtpBlaster.Options;
using SmtpBlaster.Tests.Harness;

namespace SmtpBlaster.Tests.Options;

public sealed class DistributionTests
{
    [Fact]
    public void One_value_is_always_that_value() => Assert.Equal(4096, Blaster.Distribution("4KiB").Draw(new Random(1)));

    [Fact]
    public void Uniform_stays_within_its_bounds_and_reaches_both()
    {
        long[] drawn = Draw("uniform:1,5", 1000);
        Assert.Equal([1, 2, 3, 4, 5], drawn.Distinct().Order());
    }

    [Fact]
    public void A_list_is_drawn_by_its_weights()
    {
        long[] drawn = Draw("list:1KiB*70,64KiB*25,1MiB*5", 10_000);
        Assert.InRange(drawn.Count(static v => v == 1024), 6700, 7300);
        Assert.InRange(drawn.Count(static v => v == 65536), 2200, 2800);
        Assert.InRange(drawn.Count(static v => v == 1 << 20), 350, 650);
    }

    [Fact]
    public void Lognormal_has_its_median_and_keeps_to_its_bound()
    {
        long[] drawn = Draw("lognormal:8KiB,1.5,100KiB", 10_000);
        Array.Sort(drawn);
        Assert.InRange(drawn[5000], 7700, 8700);
        Assert.Equal(102_400, drawn[^1]);
        Assert.InRange(drawn[0], 1, 200);
    }

    [Theory]
    [InlineData("4XB", "not a size")]
    [InlineData("uniform:1", "two bounds")]
    [InlineData("uniform:5,1", "downwards")]
    [InlineData("list:1*x", "VALUE*WEIGHT")]
    [InlineData("lognormal:1KiB", "a median, a sigma")]
    [InlineData("lognormal:1KiB,x", "not a sigma")]
    [InlineData("pareto:1,2", "not a distribution")]
    [InlineData("2GiB", "leaves what is possible")]
    public void What_is_wrong_is_said(string text, string part) => Assert.Contains(part, Distribution.Parse(text, 0, 1 << 30, out _), StringComparison.Ordinal);

    private static long[] Draw(string text, int count)
    {
        var random = new Random(7);
        Distribution distribution = Blaster.Distribution(text);
        return [.. Enumerable.Range(0, count).Select(_ => distribution.Draw(random))];
    }
}

using System.Diagnostics;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>Waits on conditions. A wait that isn't met in time fails the test and says what was waited for.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    public static Task True(Func<bool> condition, string what, TimeSpan? within = null) =>
        Value(() => condition() ? what : null, () => what, within);

    public static Task<T> Value<T>(Func<T?> probe, string what, TimeSpan? within = null)
        where T : class => Value(probe, () => what, within);

    /// <summary>As above; <paramref name="what"/> is asked at the end of the wait, so that it can tell how far things got. <paramref name="every"/>: how often is looked, where a look costs what is measured.</summary>
    public static async Task<T> Value<T>(Func<T?> probe, Func<string> what, TimeSpan? within = null, TimeSpan? every = null)
        where T : class
    {
        TimeSpan limit = within ?? Soon;
        long start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(every ?? Interval, TimeProvider.System);
        while (true)
        {
            if (probe() is { } value)
            {
                return value;
            }

            if (Stopwatch.GetElapsedTime(start) > limit)
            {
                Assert.Fail($"not within {limit.TotalSeconds:0} s: {what()}");
            }

            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }
}

using System.Diagnostics;

namespace Relay.Tests.Support;

/// <summary>Waits for a condition that other threads bring about; a test never waits for time.</summary>
internal static class Eventually
{
    public static async Task True(Func<bool> condition, string what)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!condition())
        {
            Assert.False(timeout.IsCancellationRequested, "did not happen in time: " + what);
            await Task.Yield();
            Thread.Yield();
        }
    }

    /// <summary>As <see cref="True"/>, where the caller has something else to try when it doesn't happen.</summary>
    public static async Task<bool> Within(Func<bool> condition, TimeSpan time)
    {
        long start = Stopwatch.GetTimestamp();
        do
        {
            await Task.Yield();
            Thread.Yield();
        }
        while (!condition() && Stopwatch.GetElapsedTime(start) < time);

        return condition();
    }
}

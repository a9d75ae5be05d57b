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
}

using System.Diagnostics;

namespace Relay.Tests.Spool;

/// <summary>Whatever a spool lives through, it is what a simple model of it says: nothing acknowledged is lost or altered, nothing that was durably settled comes back.</summary>
public sealed class SpoolHistoryTests
{
    private static readonly bool Long = Environment.GetEnvironmentVariable("RELAY_LONG") == "1";

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_spool_of_many_lives_is_what_its_model_says(int part)
    {
        // The long form begins elsewhere each time.
        int seed = Long ? Random.Shared.Next() : part;
        long start = Stopwatch.GetTimestamp();
        var history = new SpoolHistory(seed);
        try
        {
            // Threads decide how much of each there is: thirty lives, and more until all has been seen.
            while (Long ? Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(6) : history.Lives < 30 || (history.Lives < 150 && !HasSeenAll(history)))
            {
                await history.LiveAsync();
            }
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"seed {seed}, life {history.Lives}: {e.Message}", e);
        }

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"figure: seed {seed}: {history.Lives} lives, {history.Cuts} power cuts, {history.Operations} operations, {history.Copies} batches of the compactor, {history.Parked} messages parked, {history.Full} refused for want of space");
        Assert.True(HasSeenAll(history), $"{history.Cuts} cuts, {history.Copies} batches of the compactor, {history.Parked} parked: too few to show anything");
    }

    private static bool HasSeenAll(SpoolHistory history) => history.Cuts >= 10 && history.Copies >= 10 && history.Parked >= 10;
}

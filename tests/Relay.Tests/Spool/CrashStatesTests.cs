using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>
/// The legal crash states of one transaction and its settlement (DUR4), each made as a folder and opened: before the 250 the message is absent or whole, from then on it is
/// whole, and once its settlement is durable it is gone.
/// </summary>
public sealed class CrashStatesTests
{
    /// <summary>Sampled for each moment, besides "nothing that was not synced" and "all of it".</summary>
    private const int Samples = 5;

    private static readonly bool Long = Environment.GetEnvironmentVariable("RELAY_LONG") == "1";

    [Theory]
    [InlineData(3000)]
    [InlineData(40_000)]
    public async Task Every_crash_state_of_a_transaction_leaves_the_message_absent_or_whole_and_after_the_250_whole(int size)
    {
        (int states, List<string> violations) = await TryAllAsync(size, forgetSyncs: false);

        TestContext.Current.TestOutputHelper?.WriteLine($"figure: DUR4, a message of {size} octets: {states} crash states, {violations.Count} violations");
        Assert.Empty(violations);
    }

    [Theory]
    [InlineData(3000)]
    [InlineData(40_000)]
    public async Task Without_its_syncs_the_same_transaction_is_lost_in_some_state(int size)
    {
        (_, List<string> violations) = await TryAllAsync(size, forgetSyncs: true);

        Assert.Contains(violations, violation => violation.EndsWith("lost after its 250", StringComparison.Ordinal));
    }

    private static async Task<(int States, List<string> Violations)> TryAllAsync(int size, bool forgetSyncs)
    {
        // Small segments: a quarter of one is the longest body in the log, so that the larger message gets a file of its own.
        string root = Directory.CreateDirectory(Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"relay-states-{Guid.NewGuid():N}")).FullName;
        try
        {
            var disk = new CrashStates();
            byte[] body = TestSpool.Body(size, size);
            int begun;
            int acknowledged;
            int settling;
            int settled;
            await using (TestSpool spool = TestSpool.Open(disk, Directory.CreateDirectory(Path.Combine(root, "live")).FullName))
            {
                // All segments are ready by then, so that they aren't part of each state's changes.
                await spool.Store(TestSpool.Body(1, 10));
                disk.ForgetSyncs = forgetSyncs;
                begun = disk.Mark();
                SpooledMessage message = await spool.Store(body);
                acknowledged = disk.Mark();
                // The next batch is written beside a message that must not suffer from it.
                await spool.Store(TestSpool.Body(2, 20));
                settling = disk.Mark();
                spool.Settle(message);
                await spool.Spool.FlushAsync();
                settled = disk.Mark();
            }

            return Judge(disk, body, root, begun, (acknowledged, settling, settled));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static (int States, List<string> Violations) Judge(CrashStates disk, byte[] body, string root, int begun, (int Acknowledged, int Settling, int Settled) moments)
    {
        var random = new Random(4);
        var violations = new List<string>();
        int states = 0;
        int samples = Long ? Samples * 100 : Samples;
        for (int moment = begun; moment <= disk.Count; moment++)
        {
            for (int sample = 0; sample < samples + 2; sample++)
            {
                double luck = sample switch { 0 => 0, 1 => 1, _ => random.NextDouble() };
                string folder = Directory.CreateDirectory(Path.Combine(root, "state")).FullName;
                disk.Materialise(moment, luck, random, folder);
                if (Fault(folder, body, owed: moment >= moments.Acknowledged && moment <= moments.Settling, gone: moment >= moments.Settled) is { } fault)
                {
                    violations.Add($"after {moment - begun} changes, luck {luck:0.00}: {fault}");
                }

                Directory.Delete(folder, recursive: true);
                states++;
            }
        }

        return (states, violations);
    }

    private static string? Fault(string folder, byte[] body, bool owed, bool gone)
    {
        TestSpool spool = TestSpool.Open(new DiskStorage(), folder);
        try
        {
            List<RecoveredMessage> found = [.. spool.Recovered.Where(m => m.Message.Size == body.Length)];
            if (found.Count == 0)
            {
                return owed ? "lost after its 250" : null;
            }

            if (gone)
            {
                return "back after its settlement was durable";
            }

            return spool.Read(found[0].Message).AsSpan().SequenceEqual(body) ? null : "altered";
        }
        catch (SpoolReadException e)
        {
            return $"unreadable: {e.Message}";
        }
        finally
        {
            spool.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }
}

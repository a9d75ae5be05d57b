using System.Diagnostics;
using System.Globalization;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>
/// Power cuts without a power switch (DUR3). The spool lies on an ext4 with a journal on a loop device. Under load the relay is stopped, the image of the disk is copied
/// (what only the page cache had is not in it). The copy is mounted elsewhere, which replays its journal, and a second relay delivers what it finds. Everything acknowledged at
/// the cut has to be at one of the two next hops, unaltered. Then the first relay goes on, to the next cut.
/// </summary>
public sealed class PowerCutTests
{
    private const int Sessions = 20;
    private const int DiskMebibytes = 192;
    private const int LargestBody = 400 * 1024;

    /// <summary>Some 50 MiB: a disk that fills up all the same has lost room to something else than mail.</summary>
    private const int MostWaiting = 1500;

    /// <summary>The share of recipients that the first next hop defers, so that mail waits, is recorded as deferred, and comes again, while other mail leaves.</summary>
    private const double Deferred = 0.6;

    /// <summary>A delivery is on disk 50 ms later at most; the rest is what a loaded machine needs between the peer's 250 and our record of it.</summary>
    private static readonly TimeSpan InFlight = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task A_power_cut_loses_nothing_that_was_acknowledged()
    {
        int cuts = LongForm.Wanted ? 200 : 5;
        int seed = Environment.TickCount;

        Tally tally = await RunAsync("sync", seed, cuts, untilLoss: false);

        Figure.Report($"DUR3, {cuts} power cuts (seed {seed}): {tally}");
        Assert.Equal(0, tally.Lost);
        Assert.Equal(0, tally.Altered);
        Assert.Equal(0, tally.RepeatedLate);
        Assert.Empty(tally.FileSystemErrors);
        Assert.Empty(tally.Refusals);
    }

    [Fact]
    public async Task The_power_cut_is_not_blind_it_finds_the_losses_of_durability_os()
    {
        Tally tally = await RunAsync("os", seed: 3, cuts: 3, untilLoss: true);

        Figure.Report($"DUR3 control, durability = \"os\": {tally}");
        Assert.NotEqual(0, tally.Lost);
    }

    private static async Task<Tally> RunAsync(string durability, int seed, int cuts, bool untilLoss)
    {
        var random = new Random(seed);
        var ledger = new Ledger();
        var tally = new Tally();
        using var folder = new TempFolder();
        await using MountNamespace space = await MountNamespace.CreateAsync();
        await using LoopDisk disk = await LoopDisk.CreateAsync(space, DiskMebibytes, folder.File("disk"));
        await using var sink = new ReceiptSink(Deferred);
        await using RelayProcess relay = await RelayProcess.StartAsync(Settings(sink, disk, durability), environment: null, space.Wrapper);
        await using SteadyLoad load = SteadyLoad.Start(() => relay.Listener, ledger, Sessions, LargestBody, seed, () => ledger.Acknowledged - sink.Count > MostWaiting);
        for (int cut = 0; cut < cuts && !(untilLoss && tally.Lost > 0); cut++)
        {
            // A random number of promises more, so that the cut falls anywhere in the traffic.
            int target = ledger.Acknowledged + random.Next(50, 600);
            await Eventually.True(() => ledger.Acknowledged >= target, $"{target} messages acknowledged before cut {cut}", TimeSpan.FromMinutes(3));
            await CutAsync(relay, disk, space, folder, sink, ledger, tally, untilLoss);
        }

        tally.Refusals = load.Refusals;
        return tally;
    }

    private static async Task CutAsync(
        RelayProcess relay, LoopDisk disk, MountNamespace space, TempFolder folder, ReceiptSink sink, Ledger ledger, Tally tally, bool lossExpected)
    {
        await relay.FreezeAsync();
        long cutAt = Stopwatch.GetTimestamp();
        string image = $"/dev/shm/relay-e2e-{Guid.NewGuid():N}.cut";
        try
        {
            await CopyQuietAsync(disk, image);

            // Taken behind the copy: what was promised until the stop has been read by now, and more can't be promised.
            IReadOnlySet<string> promised = ledger.AcknowledgedIds();
            IReadOnlyList<Receipt> delivered = sink.Receipts;
            await using LoopDisk crashed = await LoopDisk.MountAsync(space, image, folder.File("crashed"));
            await using var second = new ReceiptSink();
            await using (RelayProcess survivor = await RelayProcess.StartAsync(Settings(second, crashed, "sync"), environment: null, space.Wrapper))
            {
                HashSet<string> owed = [.. promised.Except(delivered.Select(receipt => receipt.Id))];
                await DrainedAsync(second, owed, lossExpected);
                Assert.Equal(0, await survivor.StopAsync());
                tally.Add(promised, delivered, owed, second.Receipts, ledger, cutAt - (long)(InFlight.TotalSeconds * Stopwatch.Frequency));
            }

            await crashed.UnmountAsync();
            if (await crashed.CheckAsync() is { Length: > 0 } errors)
            {
                tally.FileSystemErrors.Add(errors);
            }

            await relay.ThawAsync();
        }
        finally
        {
            File.Delete(image);
        }
    }

    /// <summary>Copies the image; a copy during which the device was written shows no moment there ever was, and is made again.</summary>
    private static async Task CopyQuietAsync(LoopDisk disk, string image)
    {
        for (int attempt = 0; attempt < 50; attempt++)
        {
            await Eventually.True(() => disk.Writes().InFlight == 0, "the loop device is at rest");
            (long Finished, long InFlight) before = disk.Writes();
            File.Copy(disk.Image, image, overwrite: true);
            if (before == disk.Writes())
            {
                return;
            }
        }

        Assert.Fail("the loop device is written all the time although the relay is stopped");
    }

    /// <summary>Waits until all that is owed has arrived; where losses are expected, or in the end, until nothing arrives any more.</summary>
    private static async Task DrainedAsync(ReceiptSink sink, HashSet<string> owed, bool lossExpected)
    {
        long lastChange = Stopwatch.GetTimestamp();
        int seen = 0;
        TimeSpan quiet = TimeSpan.FromSeconds(lossExpected ? 3 : 15);
        await Eventually.True(
            () =>
            {
                IReadOnlyList<Receipt> receipts = sink.Receipts;
                if (receipts.Count != seen)
                {
                    seen = receipts.Count;
                    lastChange = Stopwatch.GetTimestamp();
                }

                bool all = owed.IsSubsetOf(receipts.Select(receipt => receipt.Id));
                return Stopwatch.GetElapsedTime(lastChange) > (all ? TimeSpan.FromMilliseconds(300) : quiet);
            },
            "the second relay has delivered what it found",
            TimeSpan.FromMinutes(2));
    }

    private static RelaySettings Settings(ReceiptSink sink, LoopDisk disk, string durability) => RelaySettings.SmartHost(sink.Address, sink.Port) with
    {
        // Small segments, so that they are recycled all the time.
        Spool = $"path = \"{disk.MountPoint}/spool\"\ndurability = \"{durability}\"\nsegment_size = \"4MiB\"",
        Log = "level = \"warning\"",
    };

    /// <summary>The ledger over all cuts.</summary>
    private sealed class Tally
    {
        private int _cuts;
        private long _promised;
        private long _owed;
        private int _mostRepeated;
        private int _repeated;
        private int _ghosts;

        public int Lost { get; private set; }

        public int Altered { get; private set; }

        /// <summary>Delivered again although the first delivery was long before the cut: settled mail that rose from the dead.</summary>
        public int RepeatedLate { get; private set; }

        public List<string> FileSystemErrors { get; } = [];

        public IReadOnlyDictionary<string, int> Refusals { get; set; } = new Dictionary<string, int>();

        public void Add(IReadOnlySet<string> promised, IReadOnlyList<Receipt> delivered, HashSet<string> owed, IReadOnlyList<Receipt> again, Ledger ledger, long durableBy)
        {
            var first = new Dictionary<string, long>(StringComparer.Ordinal);
            foreach (Receipt receipt in delivered)
            {
                first.TryAdd(receipt.Id, receipt.At);
            }

            var found = again.Select(receipt => receipt.Id).ToHashSet(StringComparer.Ordinal);
            List<string> repeated = [.. found.Where(first.ContainsKey)];
            _cuts++;
            _promised += promised.Count;
            _owed += owed.Count;
            Lost += owed.Count(id => !found.Contains(id));
            Altered += again.Concat(delivered).Count(receipt => !ledger.WasSent(receipt.Id, receipt.Hash));
            _ghosts += found.Count(id => !promised.Contains(id) && !first.ContainsKey(id));
            _repeated += repeated.Count;
            _mostRepeated = Math.Max(_mostRepeated, repeated.Count);
            RepeatedLate += repeated.Count(id => first[id] < durableBy);
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture,
            $"acked {_promised} (waiting at the cut {_owed}), lost {Lost}, altered {Altered}, ghosts {_ghosts}, repeated {_repeated} (at most {_mostRepeated} at one cut, {RepeatedLate} of them late), "
            + $"e2fsck errors {FileSystemErrors.Count} in {_cuts}; refused {string.Join(", ", Refusals)}");
    }
}

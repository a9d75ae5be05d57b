using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>Mail for which there is no room in memory waits on disk alone: nothing of it is lost, doubled, moved or overtaken, and none of it is in memory.</summary>
public sealed class SpoolTailTests
{
    private const int Bound = 50;

    // From here on a message is none of those that wait.
    private const int Uncounted = 1000;

    private readonly FaultyStorage _disk = new();

    [Fact]
    public async Task Mail_beyond_the_bound_waits_on_disk_alone_and_comes_back_in_order()
    {
        await using Bounded spool = Bounded.Open(_disk, Bound);
        for (int i = 0; i < 500; i++)
        {
            await spool.Store(i);
            Assert.Equal(Math.Min(i + 1, Bound), spool.Spool.Messages);
        }

        Assert.Equal(450, spool.Spool.Parked);
        Assert.Equal(spool.Stored, await spool.Deliver(500));
        await TestSpool.Until(() => spool.Spool is { Messages: 0, Parked: 0 });
        await TestSpool.Until(async () => !(await spool.Store(500)).IsParked);
    }

    [Fact]
    public async Task Its_segments_are_not_recycled_before_it_was_read_back()
    {
        await using Bounded spool = Bounded.Open(_disk, Bound);
        await spool.Store(0, 400);
        // All that is in memory goes, but for one message of a single segment: whatever else can be recycled, is.
        List<string> delivered = await spool.Deliver(300);
        await spool.Store(400, 200);
        delivered.AddRange(await spool.Deliver(300));
        Assert.Equal(spool.Stored, delivered);
    }

    [Fact]
    public async Task A_restart_finds_it_while_the_queue_is_full_and_new_mail_waits_behind_it()
    {
        List<string> delivered;
        List<string> stored;
        await using (Bounded spool = Bounded.Open(_disk, Bound))
        {
            await spool.Store(0, 300);
            delivered = await spool.Deliver(100);
            await spool.Spool.FlushAsync();
            stored = [.. spool.Stored];
        }

        await using Bounded again = Bounded.Open(_disk.Crash(null), Bound);
        await TestSpool.Until(() => again.Spool.Messages == Bound);
        Assert.False(again.Recovery.IsCompleted);
        await again.Store(300, 100);
        Assert.Equal(100, again.Spool.Parked);
        delivered.AddRange(await again.Deliver(200));
        // In the order of the log, where some may have been moved.
        Assert.Equal(stored.Order(), delivered.Order());
        Assert.Equal(again.Stored, await again.Deliver(100));
    }

    [Fact]
    public async Task Stopped_while_recovery_waits_for_room_nothing_is_lost()
    {
        await using (Bounded spool = Bounded.Open(_disk, Bound))
        {
            await spool.Store(0, 200);
        }

        await using (Bounded waiting = Bounded.Open(_disk, 10))
        {
            List<RecoveredMessage> found = await waiting.Take(10);
            await waiting.Store(200, 40);
            await waiting.Stop();
            found.ForEach(m => waiting.Settle(m.Message));
            // The rest of it is known to nobody.
            Assert.False(found[0].Message.Segment!.IsIdle);
        }

        await using TestSpool all = TestSpool.Open(_disk);
        Assert.Equal(230, all.Recovered.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task A_crash_at_any_point_loses_nothing_that_was_acknowledged(int seed)
    {
        var random = new Random(seed);
        FaultyStorage crashed;
        HashSet<string> owed;
        int at = random.Next(20, 400);
        await using (Bounded spool = Bounded.Open(_disk, Bound))
        {
            await spool.Store(0, 250);
            Task<List<string>> delivery = spool.Deliver(at > 200 ? 180 : 100);
            await spool.Store(250, at / 4);
            List<string> delivered = await delivery;
            owed = [.. spool.Stored.Except(delivered)];
            crashed = _disk.Crash(random);
        }

        await using Bounded again = Bounded.Open(crashed, Bound);
        var found = new List<string>();
        while (!owed.IsSubsetOf(found))
        {
            found.AddRange(await again.Deliver(1));
        }

        Assert.Equal(found.Distinct(), found);
    }

    [Fact]
    public async Task Of_a_batch_that_failed_nothing_is_given_back()
    {
        await using Bounded spool = Bounded.Open(_disk, Bound);
        await spool.Store(0, 60);
        int failures = 1;
        _disk.Fault = (call, path) =>
            call == "write" && path.EndsWith(".seg", StringComparison.Ordinal) && Thread.CurrentThread.Name == "spool committer" && failures-- > 0 ? Errno.NoSpace : 0;
        Assert.Equal(SpoolFailure.Full, (await spool.TryStore(60)).Failure);
        _disk.Fault = null;
        await spool.Store(61, 40);
        Assert.Equal(50, spool.Spool.Parked);
        Assert.Equal(spool.Stored, await spool.Deliver(100));
        await TestSpool.Until(() => spool.Spool is { Messages: 0, Parked: 0 });
    }

    [Fact]
    public async Task What_the_queue_in_memory_settles_meanwhile_does_not_disturb_it()
    {
        await using Bounded spool = Bounded.Open(_disk, Bound);
        await spool.Store(0, 100);
        List<RecoveredMessage> first = await spool.Take(Bound);
        for (int i = 0; i < 100; i++)
        {
            // Records about mail in memory, among those of mail on disk alone.
            spool.Spool.Update(first[i % Bound].Message, [new RecipientUpdate(0, RecipientState.Pending, i, DateTimeOffset.UnixEpoch)]);
            await spool.Spool.FlushAsync();
            await spool.Store(100 + i);
        }

        first.ForEach(m => spool.Settle(m.Message));
        Assert.Equal(spool.Stored.Skip(Bound), await spool.Deliver(150));
    }

    [Fact]
    public async Task Compaction_leaves_its_segments_alone()
    {
        await using Bounded spool = Bounded.Open(_disk, Bound);
        // For now nothing can be moved.
        _disk.Fault = (call, path) =>
            call == "write" && path.EndsWith(".seg", StringComparison.Ordinal) && Thread.CurrentThread.Name == "spool compactor" ? Errno.NoSpace : 0;
        // Segments with one message each that stays, and then one that has less than any of them: two messages on disk alone.
        await spool.Store(0, 1, 5000);
        List<RecoveredMessage> stay = await spool.Take(1);
        for (int i = 1; i < Bound; i++)
        {
            for (int gone = 0; gone < 4; gone++)
            {
                spool.Settle((await spool.TryStore(Uncounted + i, 14_000)).Message!);
            }

            await spool.Store(i, 1, i < Bound - 1 ? 5000 : 200);
            stay.AddRange(await spool.Take(1));
        }

        string segment = System.IO.Path.GetFileName((await spool.Store(Bound, 2, 200))[0].Message!.Segment!.Path);
        await spool.Store(100, 30, 15_000);
        Assert.Equal(32, spool.Spool.Parked);
        _disk.Fault = null;
        await TestSpool.Until(() => _disk.Names(TestSpool.Folder).Count(n => n.EndsWith(".seg", StringComparison.Ordinal)) < 34);
        Assert.Contains(segment, _disk.Names(TestSpool.Folder));
        stay.ForEach(m => spool.Settle(m.Message));
        Assert.Equal(spool.Stored.Skip(Bound), await spool.Deliver(32));
    }

    [Fact]
    public async Task Several_folders_have_one_bound_and_a_tail_each()
    {
        string[] folders = ["/a", "/b"];
        await using Bounded spool = Bounded.Open(_disk, Bound, folders);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async part =>
        {
            for (int i = 0; i < 100; i++)
            {
                await spool.TryStore((part * 100) + i);
            }
        }));
        Assert.Equal(Bound, spool.Spool.Messages);
        Assert.Equal(350, spool.Spool.Parked);
        List<string> delivered = await spool.Deliver(400);
        Assert.Equal(spool.Stored.Order(), delivered.Order());
    }

    [Fact]
    public async Task Large_mail_waits_as_well()
    {
        await using Bounded spool = Bounded.Open(_disk, 2);
        await spool.Store(0, 8, 40_000);
        Assert.Equal(6, spool.Spool.Parked);
        Assert.Equal(spool.Stored, await spool.Deliver(8));
        await spool.Spool.FlushAsync();
        await TestSpool.Until(() => !_disk.Names(TestSpool.Folder).Any(n => n.EndsWith(".msg", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_damaged_record_costs_that_message_alone_and_its_segment_is_kept()
    {
        await using Bounded spool = Bounded.Open(_disk, 1);
        var parked = new List<SpooledMessage>();
        bool read = false;
        for (int i = 0; i < 8; i++)
        {
            if (i == 1)
            {
                _disk.Fault = (call, _) =>
                {
                    read |= call == "read";
                    return 0;
                };
            }

            parked.Add((await spool.Store(i, 1))[0].Message!);
            // The first of them is in the reader's hands, who waits for room: what comes behind it is read later, and damaged by then.
            await TestSpool.Until(() => i != 1 || Volatile.Read(ref read));
        }

        _disk.Damage(parked[3].Segment!.Path, parked[3].RecordOffset, 40);
        List<string> delivered = await spool.Deliver(7);
        Assert.Equal(spool.Stored.Where((_, i) => i != 3), delivered);
        await TestSpool.Until(() => spool.Spool is { Messages: 0, Parked: 0 });
        Assert.False(parked[3].Segment!.IsIdle);
    }

    [Fact]
    public async Task None_of_it_is_in_memory()
    {
        await using Bounded spool = Bounded.Open(_disk, Bound);
        await spool.Store(0, Bound);
        List<WeakReference> parked = await StoreAndForget(spool, 500);
        await TestSpool.Until(() =>
        {
            GC.Collect();
            // What a transaction in the pool or a stack still has.
            return parked.Count(w => w.IsAlive) < 5;
        });
        Assert.Equal(500, spool.Spool.Parked);
    }

    [Fact]
    public async Task The_pause_before_an_acknowledgement_grows_with_it_and_has_an_end()
    {
        await using Bounded spool = Bounded.Open(_disk, Bound);
        await spool.Store(0, Bound);
        Assert.Equal(TimeSpan.Zero, spool.Spool.Pause);
        await spool.Store(Bound, Bound / 2);
        Assert.Equal(TimeSpan.FromSeconds(2.5), spool.Spool.Pause);
        await spool.Store(100, 200);
        Assert.Equal(TimeSpan.FromSeconds(5), spool.Spool.Pause);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<List<WeakReference>> StoreAndForget(Bounded spool, int count)
    {
        var parked = new List<WeakReference>();
        for (int i = 0; i < count; i++)
        {
            CommitResult result = await spool.TryStore(Uncounted + i);
            Assert.True(result.IsParked);
            parked.Add(new WeakReference(result.Message));
        }

        return parked;
    }

    /// <summary>A spool with a bound, and a queue that checks what it is given.</summary>
    private sealed class Bounded : IAsyncDisposable
    {
        private readonly System.Threading.Channels.Channel<RecoveredMessage> _queue = System.Threading.Channels.Channel.CreateUnbounded<RecoveredMessage>();
        private readonly List<string> _stored = [];
        private readonly CancellationTokenSource _stopping = new();
        private readonly int _bound;
        private readonly Task _readBack;

        private Bounded(IStorage disk, int bound, string[] folders)
        {
            _bound = bound;
            var options = new SpoolOptions { Paths = folders, SegmentSize = TestSpool.SmallSegment, MessagesInMemory = bound };
            Spool = MessageSpool.Open(options, disk, TimeProvider.System, NullLogger.Instance);
            Recovery = Spool.RecoverAsync(Found, _stopping.Token);
            _readBack = ReadBack();
        }

        public MessageSpool Spool { get; }

        public Task Recovery { get; }

        /// <summary>The ids of what was acknowledged, in order.</summary>
        public IReadOnlyList<string> Stored
        {
            get
            {
                lock (_stored)
                {
                    return [.. _stored];
                }
            }
        }

        public static Bounded Open(IStorage disk, int bound, params string[] folders) => new(disk, bound, folders.Length == 0 ? [TestSpool.Folder] : folders);

        public async Task<CommitResult> TryStore(int seed, int length = 1000)
        {
            using SpoolTransaction transaction = Spool.Begin();
            byte[] body = TestSpool.Body(seed, length);
            body.CopyTo(transaction.GetSpan(length));
            transaction.Advance(length);
            CommitResult result = await transaction.CommitAsync(TestSpool.Envelope($"{seed}-{length}@example.net"), DateTimeOffset.UnixEpoch, null);
            if (result.Message is { } message && seed < Uncounted)
            {
                lock (_stored)
                {
                    _stored.Add(message.Id.ToString());
                }

                if (!result.IsParked)
                {
                    _queue.Writer.TryWrite(new RecoveredMessage(message, message.Pending()));
                }
            }

            return result;
        }

        public async Task<CommitResult> Store(int seed)
        {
            CommitResult result = await TryStore(seed);
            Assert.Equal(SpoolFailure.None, result.Failure);
            return result;
        }

        public async Task<List<CommitResult>> Store(int seed, int count, int length = 1000)
        {
            var results = new List<CommitResult>();
            for (int i = 0; i < count; i++)
            {
                results.Add(await TryStore(seed + i, length));
                Assert.Equal(SpoolFailure.None, results[^1].Failure);
            }

            return results;
        }

        /// <summary>The next messages of the queue.</summary>
        public async Task<List<RecoveredMessage>> Take(int count)
        {
            using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            var taken = new List<RecoveredMessage>();
            while (taken.Count < count)
            {
                taken.Add(await _queue.Reader.ReadAsync(timeout.Token));
                Assert.InRange(Spool.Messages, 1, _bound);
            }

            return taken;
        }

        /// <summary>Delivers the next messages of the queue: reads and settles them.</summary>
        public async Task<List<string>> Deliver(int count)
        {
            var delivered = new List<string>();
            while (delivered.Count < count)
            {
                SpooledMessage message = (await Take(1))[0].Message;
                string[] made = System.Text.Encoding.ASCII.GetString(message.Envelope.Recipient(0)).Split('@')[0].Split('-');
                Assert.Equal(TestSpool.Body(int.Parse(made[0], null), int.Parse(made[1], null)), Read(message));
                Settle(message);
                delivered.Add(message.Id.ToString());
            }

            return delivered;
        }

        public void Settle(SpooledMessage message) => Spool.Update(message, [new RecipientUpdate(0, RecipientState.Delivered, 0, default)]);

        /// <summary>Nothing is found or read back any more.</summary>
        public async Task Stop()
        {
            await _stopping.CancelAsync();
            await _readBack;
        }

        public async ValueTask DisposeAsync()
        {
            await Stop();
            await Spool.DisposeAsync();
            _stopping.Dispose();
        }

        private void Found(RecoveredMessage message) => _queue.Writer.TryWrite(message);

        private async Task ReadBack()
        {
            await Recovery;
            await Spool.ReadBackAsync(Found, _stopping.Token);
        }

        private byte[] Read(SpooledMessage message)
        {
            using SpoolBody body = Spool.OpenBody(message);
            byte[] all = new byte[body.Length];
            for (int at = 0; at < all.Length;)
            {
                at += body.Read(at, all.AsSpan(at));
            }

            return all;
        }
    }
}

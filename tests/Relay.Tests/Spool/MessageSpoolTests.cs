using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Tests.Spool;

public sealed class MessageSpoolTests
{
    private readonly FaultyStorage _disk = new();

    [Fact]
    public async Task What_was_committed_is_found_again_with_all_that_belongs_to_it()
    {
        byte[] body = TestSpool.Body(1, 5000);
        SpooledMessage stored;
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            stored = await spool.Store(body, TestSpool.Envelope("a@example.net", "b@example.net"));
        }

        await using TestSpool again = TestSpool.Open(_disk);
        RecoveredMessage found = Assert.Single(again.Recovered);
        Assert.Equal(stored.Id, found.Message.Id);
        Assert.Equal(stored.Arrived, found.Message.Arrived);
        Assert.Equal(stored.Client, found.Message.Client);
        Assert.Equal(5000, found.Message.Size);
        Assert.True(found.Message.Envelope.Bytes.SequenceEqual(stored.Envelope.Bytes));
        Assert.Equal([new PendingRecipient(0, 0, stored.Arrived), new PendingRecipient(1, 0, stored.Arrived)], found.Pending);
        Assert.Equal(body, again.Read(found.Message));
    }

    [Fact]
    public async Task Segments_are_made_ahead_once_the_mail_of_before_is_looked_for_and_not_while_the_spool_is_opened()
    {
        await using TestSpool spool = TestSpool.OpenOnly(_disk);
        Assert.Equal(1, Segments());

        await spool.Spool.RecoverAsync(static _ => { }, CancellationToken.None);

        await TestSpool.Until(() => Segments() > 1);
    }

    [Fact]
    public async Task Who_waits_for_a_segment_gets_one_before_the_mail_of_before_is_looked_for()
    {
        await using TestSpool spool = TestSpool.OpenOnly(_disk);

        for (int i = 0; i < 20; i++)
        {
            await spool.Store(TestSpool.Body(i, 8000));
        }

        Assert.True(Segments() > 2);
    }

    [Fact]
    public async Task What_was_not_committed_is_gone()
    {
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            using SpoolTransaction open = spool.Spool.Begin();
            open.GetSpan(100)[..100].Fill(1);
            open.Advance(100);
            SpoolTransaction large = spool.Spool.Begin();
            large.GetSpan(200_000)[..200_000].Fill(1);
            large.Advance(200_000);
            await large.FlushAsync();
            Assert.Contains(_disk.Names(TestSpool.Folder), n => n.EndsWith(".msg", StringComparison.Ordinal));
            SpoolTransaction aborted = spool.Spool.Begin();
            aborted.GetSpan(10);
            aborted.Advance(10);
            aborted.Abort();
            for (int i = 0; i < 100; i++)
            {
                aborted.GetSpan(8192);
                aborted.Advance(8192);
                await aborted.FlushAsync();
            }

            aborted.Dispose();
        }

        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Empty(again.Recovered);
        Assert.DoesNotContain(_disk.Names(TestSpool.Folder), n => n.EndsWith(".msg", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_large_transaction_that_is_dropped_leaves_no_file()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        using (SpoolTransaction large = spool.Spool.Begin())
        {
            large.GetSpan(200_000);
            large.Advance(200_000);
            await large.FlushAsync();
        }

        await TestSpool.Until(() => !_disk.Names(TestSpool.Folder).Any(n => n.EndsWith(".msg", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Settled_mail_does_not_rise_again_across_recycled_segments()
    {
        var pending = new Queue<SpooledMessage>();
        var left = new HashSet<QueueId>();
        FaultyStorage disk = _disk;
        for (int round = 0; round < 6; round++)
        {
            await using TestSpool spool = TestSpool.Open(disk);
            Assert.Equal(left.Order(), spool.Recovered.Select(m => m.Message.Id));
            pending = new Queue<SpooledMessage>(spool.Recovered.Select(m => m.Message));
            for (int i = 0; i < 200; i++)
            {
                SpooledMessage message = await spool.Store(TestSpool.Body(i, 3000));
                pending.Enqueue(message);
                left.Add(message.Id);
                while (pending.Count > 5)
                {
                    SpooledMessage done = pending.Dequeue();
                    spool.Settle(done);
                    left.Remove(done.Id);
                }
            }

            await spool.Spool.FlushAsync();
            // 600 KiB went through: without recycling there would be more than 10 segments more in each round.
            await TestSpool.Until(() => disk.Names(TestSpool.Folder).Count(n => n.EndsWith(".seg", StringComparison.Ordinal)) < 14);
        }
    }

    [Fact]
    public async Task Only_recipients_that_are_not_final_come_back_and_deferred_ones_with_their_attempts()
    {
        var next = DateTimeOffset.UnixEpoch.AddDays(20001);
        string[] recipients = Enumerable.Range(0, 100).Select(i => $"r{i}@example.net").ToArray();
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            SpooledMessage message = await spool.Store([1, 2, 3], TestSpool.Envelope(recipients));
            for (int i = 0; i < 100; i++)
            {
                if (i is not (3 or 70 or 99))
                {
                    spool.Settle(message, i, (RecipientState)(1 + (i % 3)));
                }
            }

            RecipientUpdate[] deferred = [new(70, RecipientState.Pending, 1, next.AddDays(-1)), new(99, RecipientState.Pending, 4, next)];
            spool.Spool.Update(message, deferred);
            spool.Spool.Update(message, [new RecipientUpdate(70, RecipientState.Pending, 2, next)]);
        }

        await using TestSpool again = TestSpool.Open(_disk);
        RecoveredMessage found = Assert.Single(again.Recovered);
        Assert.Equal([new PendingRecipient(3, 0, found.Message.Arrived), new PendingRecipient(70, 2, next), new PendingRecipient(99, 4, next)], found.Pending);
    }

    [Fact]
    public async Task A_removed_message_is_gone_whatever_was_left_of_it()
    {
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            SpooledMessage small = await spool.Store([1], TestSpool.Envelope("a@example.net", "b@example.net"));
            SpooledMessage large = await spool.Store(TestSpool.Body(1, 300_000));
            spool.Spool.Remove(small);
            spool.Spool.Remove(large);
            spool.Spool.Remove(large);
            await spool.Spool.FlushAsync();
            await TestSpool.Until(() => !_disk.Names(TestSpool.Folder).Any(n => n.EndsWith(".msg", StringComparison.Ordinal)));
        }

        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Empty(again.Recovered);
    }

    [Fact]
    public async Task A_settlement_alone_is_durable_soon_without_a_flush()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        SpooledMessage message = await spool.Store([1]);
        spool.Settle(message);
        await TestSpool.Until(async () =>
        {
            await using TestSpool after = TestSpool.Open(_disk.Crash(null));
            return after.Recovered.Count == 0;
        });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(16 * 1024)]
    [InlineData((128 * 1024) - 1)]
    [InlineData(128 * 1024)]
    [InlineData((128 * 1024) + 1)]
    [InlineData(1_000_000)]
    public async Task A_body_of_any_length_comes_back_byte_for_byte(int length)
    {
        byte[] body = TestSpool.Body(length, length);
        await using (TestSpool spool = TestSpool.Open(_disk, segment: 1024 * 1024))
        {
            SpooledMessage message = await spool.Store(body);
            Assert.Equal(length > 128 * 1024, _disk.Names(TestSpool.Folder).Contains(message.Id + ".msg"));
            Assert.Equal(body, spool.Read(message));
            spool.Spool.ReleaseBody(message);
            Assert.Equal(body, spool.Read(message));
        }

        await using TestSpool again = TestSpool.Open(_disk, segment: 1024 * 1024);
        Assert.Equal(body, again.Read(Assert.Single(again.Recovered).Message));
    }

    [Fact]
    public async Task Without_memory_left_bodies_stream_to_files()
    {
        await using TestSpool spool = TestSpool.Open(_disk, segment: 1024 * 1024, with: o => o with { BufferBudget = 1024, CacheBudget = 0 });
        byte[] body = TestSpool.Body(1, 50_000);
        SpooledMessage message = await spool.Store(body);
        Assert.Contains(message.Id + ".msg", _disk.Names(TestSpool.Folder));
        Assert.Equal(body, spool.Read(message));
    }

    [Fact]
    public async Task A_large_body_takes_little_memory_and_all_memory_is_given_back()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        byte[] body = TestSpool.Body(1, 5_000_000);
        SpoolTransaction transaction = spool.Spool.Begin();
        long most = 0;
        for (int at = 0; at < body.Length; at += 50_000)
        {
            body.AsSpan(at, 50_000).CopyTo(transaction.GetSpan(50_000));
            transaction.Advance(50_000);
            most = Math.Max(most, spool.Spool.ReceivingOctets);
            await transaction.FlushAsync();
        }

        CommitResult result = await transaction.CommitAsync(TestSpool.Envelope("to@example.net"), default, null);
        transaction.Dispose();
        Assert.True(most <= 256 * 1024, $"{most} octets for one transaction");
        Assert.Equal(body, spool.Read(result.Message!));

        SpooledMessage small = await spool.Store(TestSpool.Body(2, 5000));
        Assert.Equal((0, 6144), (spool.Spool.ReceivingOctets, spool.Spool.CachedOctets));
        spool.Settle(small);
        Assert.Equal(0, spool.Spool.CachedOctets);
    }

    [Theory]
    [InlineData(0, 4 * 1024)]
    [InlineData(4096, 6 * 1024)]
    [InlineData(10_000, 12 * 1024)]
    [InlineData(100_000_000, 48 * 1024)]
    public async Task A_declared_size_is_made_room_for_at_once_but_believed_in_bounds(long size, long room)
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        using SpoolTransaction transaction = spool.Spool.Begin(size);
        transaction.GetSpan(100);
        transaction.Advance(100);
        Assert.Equal(room, spool.Spool.ReceivingOctets);
        while (transaction.Length < Math.Min(size, 10_000))
        {
            transaction.GetSpan(1);
            transaction.Advance(1);
        }

        Assert.Equal(room, spool.Spool.ReceivingOctets);
    }

    [Fact]
    public async Task A_caller_that_never_flushes_is_held_in_bounds_too()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        byte[] body = TestSpool.Body(1, 2_000_000);
        using SpoolTransaction transaction = spool.Spool.Begin();
        for (int at = 0; at < body.Length; at += 10_000)
        {
            body.AsSpan(at, 10_000).CopyTo(transaction.GetSpan(10_000));
            transaction.Advance(10_000);
            Assert.True(spool.Spool.ReceivingOctets <= 256 * 1024);
        }

        CommitResult result = await transaction.CommitAsync(TestSpool.Envelope("to@example.net"), default, null);
        Assert.Equal(body, spool.Read(result.Message!));
    }

    [Fact]
    public async Task A_transaction_dropped_while_its_file_is_written_cleans_up_afterwards()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        using var written = new ManualResetEventSlim();
        _disk.Fault = (call, path) =>
        {
            if (call == "open" && path.EndsWith(".msg", StringComparison.Ordinal))
            {
                written.Wait(TimeSpan.FromSeconds(20), CancellationToken.None);
            }

            return 0;
        };
        SpoolTransaction transaction = spool.Spool.Begin();
        transaction.GetSpan(200_000);
        transaction.Advance(200_000);
        ValueTask flush = transaction.FlushAsync();
        transaction.Dispose();
        written.Set();
        await flush;
        await TestSpool.Until(() => spool.Spool.ReceivingOctets == 0 && !_disk.Names(TestSpool.Folder).Any(n => n.EndsWith(".msg", StringComparison.Ordinal)));
        await spool.Store([1]);
    }

    [Fact]
    public async Task A_cached_body_stays_whole_while_it_is_read_although_the_message_is_removed()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        byte[] body = TestSpool.Body(1, 3000);
        SpooledMessage message = await spool.Store(body);
        using SpoolBody reader = spool.Spool.OpenBody(message);
        spool.Spool.Remove(message);
        await spool.Store(TestSpool.Body(2, 3000));
        Assert.True(reader.TryGetMemory(out var memory));
        Assert.Equal(body, System.Buffers.BuffersExtensions.ToArray(memory));
    }

    [Fact]
    public async Task Ids_rise_and_go_on_above_all_that_were_given_out_before_a_restart()
    {
        // A clock that stands still, then one that was set back.
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var log = Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;
        var options = new SpoolOptions { Paths = [TestSpool.Folder], SegmentSize = TestSpool.SmallSegment };
        var ids = new List<QueueId>();
        for (int i = 0; i < 3; i++)
        {
            await using MessageSpool spool = MessageSpool.Open(options, _disk, clock, log);
            // The first is stored, the others are only named, in a log line perhaps: their ids are taken as well.
            List<SpoolTransaction> transactions = Enumerable.Range(0, 10).Select(_ => spool.Begin()).ToList();
            ids.AddRange(transactions.Select(t => t.Id));
            CommitResult result = await transactions[0].CommitAsync(TestSpool.Envelope("a@example.net"), clock.GetUtcNow(), null);
            spool.Remove(result.Message!);
            transactions.ForEach(t => t.Dispose());
            clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(new DateTimeOffset(2029 - i, 1, 1, 0, 0, 0, TimeSpan.Zero));
        }

        Assert.Equal(ids.Order(), ids);
        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    [Fact]
    public async Task Many_at_once_share_syncs()
    {
        int batches = 0;
        await using (TestSpool spool = TestSpool.Open(_disk, segment: 1024 * 1024, observer: b => batches += b.Messages > 0 ? 1 : 0))
        {
            await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(async () =>
            {
                for (int j = 0; j < 10; j++)
                {
                    await spool.Store(TestSpool.Body((i * 10) + j, 500));
                }
            }, TestContext.Current.CancellationToken)));
            Assert.True(batches < 1000, $"{batches} batches for 2000 messages");
        }

        await using TestSpool again = TestSpool.Open(_disk, segment: 1024 * 1024);
        Assert.Equal(2000, again.Recovered.Count);
    }

    [Fact]
    public async Task A_commit_after_closing_fails_and_says_so()
    {
        TestSpool spool = TestSpool.Open(_disk);
        using SpoolTransaction transaction = spool.Spool.Begin();
        await spool.DisposeAsync();
        CommitResult result = await transaction.CommitAsync(TestSpool.Envelope("a@example.net"), default, null);
        Assert.Equal(new CommitResult(null, SpoolFailure.Failed), result);
    }

    [Fact]
    public async Task Short_writes_are_carried_on()
    {
        _disk.ShortWrite = 1000;
        byte[] small = TestSpool.Body(1, 9000);
        byte[] large = TestSpool.Body(2, 300_000);
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            await spool.Store(small);
            await spool.Store(large);
        }

        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Equal([small, large], again.Recovered.Select(m => again.Read(m.Message)));
    }

    [Fact]
    public async Task An_envelope_that_fits_no_segment_is_our_mistake()
    {
        Envelope envelope = TestSpool.Envelope(Enumerable.Range(0, 5000).Select(i => $"recipient{i}@example.net").ToArray());
        await using TestSpool spool = TestSpool.Open(_disk);
        await Assert.ThrowsAnyAsync<ArgumentException>(() => spool.TryStore([1], envelope));
    }

    private int Segments() => _disk.Names(TestSpool.Folder).Count(n => n.EndsWith(".seg", StringComparison.Ordinal));
}

using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>Live mail moves out of sparse segments; nothing of it may be lost, doubled or come back, whatever happens meanwhile.</summary>
public sealed class SpoolCompactionTests
{
    private const string Compactor = "spool compactor";

    private readonly FaultyStorage _disk = new();

    [Fact]
    public async Task Messages_that_are_long_deferred_keep_their_state_and_not_their_segments()
    {
        DateTimeOffset next = DateTimeOffset.UnixEpoch.AddDays(20003);
        byte[] large = TestSpool.Body(2, 200_000);
        SpooledMessage message;
        SpooledMessage big;
        List<SpooledMessage> others;
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            message = await spool.Store(TestSpool.Body(1, 500), TestSpool.Envelope("a@example.net", "b@example.net", "c@example.net"));
            big = await spool.Store(large);
            spool.Settle(message, 1);
            spool.Spool.Update(message, [new RecipientUpdate(0, RecipientState.Pending, 2, next), new RecipientUpdate(2, RecipientState.Pending, 3, next)]);
            Segment first = message.Segment!;
            await SpoolRecoveryTests.Fill(spool, 8);
            others = await Sparse(spool, 40);
            // More than forty segments, each with one message: most of them are given back.
            await TestSpool.Until(() => message.Segment != first && Segments(_disk) < 24);
            Assert.Equal(TestSpool.Body(1, 500), spool.Read(message));
            Assert.Equal(large, spool.Read(big));
        }

        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        Assert.Equal([message.Id, big.Id, .. others.Select(m => m.Id)], again.Recovered.Select(m => m.Message.Id));
        Assert.Equal([new PendingRecipient(0, 2, next), new PendingRecipient(2, 3, next)], again.Recovered[0].Pending);
        Assert.Equal([TestSpool.Body(1, 500), large], again.Recovered.Take(2).Select(m => again.Read(m.Message)));
        Assert.All(again.Recovered.Skip(2), (m, i) => Assert.Equal(TestSpool.Body(i, 7000), again.Read(m.Message)));
    }

    [Fact]
    public async Task Settlements_for_a_full_old_segment_do_not_keep_the_segments_they_lie_in()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        // A segment full of mail that stays; the rest of the log comes and goes, with one settlement for the first segment in each.
        List<SpooledMessage> old = [];
        for (int i = 0; i < 12; i++)
        {
            old.Add(await spool.Store(TestSpool.Body(i, 3700), TestSpool.Envelope("a@example.net", "b@example.net")));
        }

        Assert.Single(old.Select(m => m.Segment).Distinct());
        for (int i = 0; i < 12; i++)
        {
            spool.Settle(old[i], 0);
            await SpoolRecoveryTests.Fill(spool, 16);
        }

        await TestSpool.Until(() => Segments(_disk) < 16);
        await spool.Spool.FlushAsync();
        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        Assert.Equal(old.Select(m => m.Id), again.Recovered.Select(m => m.Message.Id));
        Assert.All(again.Recovered, m => Assert.Equal([1], m.Pending.Select(p => p.Recipient)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_settled_while_it_is_copied_stays_settled(bool entirely)
    {
        SpooledMessage? message = null;
        bool settled = false;
        TestSpool? spool = null;
        List<SpooledMessage> others;
        _disk.Fault = (call, path) =>
        {
            // The copy is written, and not yet the message.
            if (call == "sync" && path.EndsWith(".seg", StringComparison.Ordinal) && Thread.CurrentThread.Name == Compactor && !settled)
            {
                settled = true;
                spool!.Settle(message!, 0);
                if (entirely)
                {
                    spool.Settle(message!, 1);
                }
            }

            return 0;
        };
        await using (spool = TestSpool.Open(_disk))
        {
            message = await spool.Store(TestSpool.Body(1, 500), TestSpool.Envelope("a@example.net", "b@example.net"));
            string first = System.IO.Path.GetFileName(message.Segment!.Path);
            await SpoolRecoveryTests.Fill(spool, 8);
            others = await Sparse(spool, 10);
            // Then the old place is overwritten.
            await TestSpool.Until(() => settled && !_disk.Names(TestSpool.Folder).Contains(first));
        }

        _disk.Fault = null;
        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        Assert.Equal(entirely ? [] : [1], again.Recovered.Where(m => m.Message.Id == message.Id).SelectMany(m => m.Pending).Select(p => p.Recipient));
        Assert.Equal(others.Count + (entirely ? 0 : 1), again.Recovered.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_settled_durably_while_it_is_copied_stays_settled_when_the_power_is_cut_before_the_copy_is_the_message(bool entirely)
    {
        TestSpool? spool = null;
        SpooledMessage? message = null;
        byte[] body = TestSpool.Body(1, 500);
        var cuts = new List<FaultyStorage>();
        bool copied = false;
        bool settled = false;
        bool durable = false;
        var disk = new SyncedStorage(
            _disk,
            octets => copied |= Thread.CurrentThread.Name == Compactor && octets.IndexOf(body) >= 0,
            () =>
            {
                if (copied && !settled && Thread.CurrentThread.Name == Compactor)
                {
                    settled = true;
                    spool!.Settle(message!, 0);
                    if (entirely)
                    {
                        spool.Settle(message!, 1);
                    }

                    spool.Spool.FlushAsync().AsTask().GetAwaiter().GetResult();
                    Volatile.Write(ref durable, true);
                }
            },
            () =>
            {
                if (Volatile.Read(ref durable))
                {
                    lock (cuts)
                    {
                        cuts.Add(_disk.Crash(null));
                    }
                }
            });
        await using (spool = TestSpool.Open(disk))
        {
            message = await spool.Store(body, TestSpool.Envelope("a@example.net", "b@example.net"));
            string first = System.IO.Path.GetFileName(message.Segment!.Path);
            await SpoolRecoveryTests.Fill(spool, 8);
            await Sparse(spool, 10);
            await TestSpool.Until(() => Volatile.Read(ref durable) && !_disk.Names(TestSpool.Folder).Contains(first));
            Volatile.Write(ref durable, false);
        }

        Assert.NotEmpty(cuts);
        foreach (FaultyStorage cut in cuts)
        {
            await using TestSpool again = TestSpool.Open(cut);
            Assert.Equal(entirely ? [] : [1], again.Recovered.Where(m => m.Message.Id == message.Id).SelectMany(static m => m.Pending).Select(static p => p.Recipient));
        }
    }

    [Fact]
    public async Task A_body_can_be_read_at_any_moment_of_its_move()
    {
        await using TestSpool spool = TestSpool.Open(_disk, with: o => o with { CacheBudget = 0 });
        using var stop = new CancellationTokenSource();
        List<SpooledMessage> kept = await Sparse(spool, 8);
        Task readers = Task.WhenAll(Enumerable.Range(0, 2).Select(r => Task.Run(() =>
        {
            for (int i = r; !stop.IsCancellationRequested; i++)
            {
                Assert.Equal(TestSpool.Body(i % 8, 7000), spool.Read(kept[i % 8]));
            }
        }, CancellationToken.None)));
        List<Segment> places = [.. kept.Select(m => m.Segment!)];
        await TestSpool.Until(async () =>
        {
            // The more of it is sparse, the more is moved, the oldest first.
            await Sparse(spool, 4);
            return readers.IsFaulted || kept.Where((m, i) => m.Segment != places[i]).Count() == 8;
        });
        await stop.CancelAsync();
        await readers;
    }

    [Fact]
    public async Task A_full_disk_is_freed_by_moving_what_little_lives_on()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        await TestSpool.Until(() => _disk.Calls().Count(c => c == "syncdir spool") >= 5);
        var stored = new List<SpooledMessage>();
        for (int i = 0; i < 40; i++)
        {
            stored.Add(await spool.Store(TestSpool.Body(i, 7000)));
        }

        _disk.SetSpace(1000);
        CommitResult result = await spool.TryStore(TestSpool.Body(1, 7000));
        while (result.Message is not null)
        {
            stored.Add(result.Message);
            result = await spool.TryStore(TestSpool.Body(1, 7000));
        }

        Assert.Equal(SpoolFailure.Full, result.Failure);
        // One in each segment lives on.
        foreach (IGrouping<Segment, SpooledMessage> segment in stored.GroupBy(m => m.Segment!).ToList())
        {
            segment.Skip(1).ToList().ForEach(m => spool.Settle(m));
        }

        await TestSpool.Until(() => spool.Spool.Health.Status == SpoolStatus.Healthy);
        await spool.Store([1]);
    }

    [Fact]
    public async Task A_damaged_body_is_not_moved_and_its_segment_stays_while_others_go_on()
    {
        await using TestSpool spool = TestSpool.Open(_disk, with: o => o with { CacheBudget = 0 });
        SpooledMessage bad = await spool.Store(TestSpool.Body(1, 500));
        await SpoolRecoveryTests.Fill(spool, 8);
        SpooledMessage good = await spool.Store(TestSpool.Body(2, 500));
        await SpoolRecoveryTests.Fill(spool, 8);
        await SpoolRecoveryTests.Sealed(_disk, 2);
        Segment badPlace = bad.Segment!;
        Segment goodPlace = good.Segment!;
        _disk.Damage(badPlace.Path, bad.BodyOffset + 100, 1);
        await Sparse(spool, 10);
        await TestSpool.Until(() => good.Segment != goodPlace && badPlace.IsStuck);
        Assert.Same(badPlace, bad.Segment);
        Assert.Throws<SpoolReadException>(() => spool.Read(bad));
        Assert.Contains(System.IO.Path.GetFileName(badPlace.Path), _disk.Names(TestSpool.Folder));
        Assert.Equal(SpoolStatus.Healthy, spool.Spool.Health.Status);
    }

    [Theory]
    [InlineData(5, nameof(SpoolStatus.Failed))]
    [InlineData(Errno.NoSpace, nameof(SpoolStatus.Healthy))]
    public async Task A_copy_that_cannot_be_written_leaves_the_message_where_it_was(int error, string becomes)
    {
        int failures = 0;
        _disk.Fault = (call, path) => call == "write" && path.EndsWith(".seg", StringComparison.Ordinal) && Thread.CurrentThread.Name == Compactor && failures++ < 2 ? error : 0;
        SpooledMessage message;
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            message = await spool.Store(TestSpool.Body(1, 500));
            for (int i = 0; i < 80; i++)
            {
                if ((await spool.TryStore(TestSpool.Body(2, 7000))).Message is { } other && i % 7 != 0)
                {
                    spool.Settle(other);
                }
            }

            await TestSpool.Until(() => failures > 0);
            await TestSpool.Until(() => spool.Spool.Health.Status == Enum.Parse<SpoolStatus>(becomes));
            Assert.Equal(TestSpool.Body(1, 500), spool.Read(message));
        }

        _disk.Fault = null;
        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        Assert.Contains(message.Id, again.Recovered.Select(m => m.Message.Id));
    }

    /// <summary>The cut comes at one call after the other of compactor and upkeep, until a run has no such call.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_power_cut_at_any_call_of_a_move_loses_and_revives_nothing(int seed)
    {
        var random = new Random(seed);
        int cuts = 0;
        for (int at = 1; ; at++)
        {
            (FaultyStorage? after, SpoolLedger then) = await MoveWithCut(at, random);
            if (after is null)
            {
                break;
            }

            cuts++;
            await using (TestSpool again = TestSpool.Open(after))
            {
                then.Check(again);
                // Moves what the cut left half moved, and settles some of it.
                await Work(again, then, random);
            }

            await using TestSpool third = TestSpool.Open(after.Crash(random));
            then.Check(third);
        }

        Assert.True(cuts >= 20, $"{cuts} cuts");
    }

    private static async Task<(FaultyStorage? After, SpoolLedger Then)> MoveWithCut(int at, Random random)
    {
        var disk = new FaultyStorage();
        var ledger = new SpoolLedger();
        FaultyStorage? after = null;
        SpoolLedger then = ledger;
        int calls = 0;
        bool armed = false;
        disk.Fault = (_, _) =>
        {
            if (armed && Thread.CurrentThread.Name is Compactor or "spool upkeep" && ++calls == at)
            {
                then = ledger.Copy();
                after = disk.Crash(random);
            }

            return 0;
        };
        await using TestSpool spool = TestSpool.Open(disk);
        Segment? first = null;
        List<SpooledMessage> kept = [];
        for (int i = 0; i < 9; i++)
        {
            kept.Add(await Store(spool, ledger, random, i == 0 ? 500 : 4000, 2));
            first ??= kept[0].Segment!;
            armed |= i == 5;
            await Churn(spool, ledger, random, 8);
        }

        ledger.Settling(kept[0].Id, 0);
        spool.Settle(kept[0], 0);
        ledger.Settling(kept[2].Id, 1);
        spool.Settle(kept[2], 1);
        await spool.Spool.FlushAsync();
        ledger.Settled(kept[0].Id, 0);
        ledger.Settled(kept[2].Id, 1);
        await Churn(spool, ledger, random, 8);
        await TestSpool.Until(() => after is not null || (kept[0].Segment != first && !disk.Names(TestSpool.Folder).Contains(System.IO.Path.GetFileName(first!.Path))));
        return (after, then);
    }

    private static async Task Work(TestSpool spool, SpoolLedger ledger, Random random)
    {
        foreach (RecoveredMessage found in spool.Recovered.Where(_ => random.Next(2) == 0))
        {
            int recipient = found.Pending[0].Recipient;
            ledger.Settling(found.Message.Id, recipient);
            spool.Settle(found.Message, recipient);
            await spool.Spool.FlushAsync();
            ledger.Settled(found.Message.Id, recipient);
        }

        await Churn(spool, ledger, random, 40);
    }

    private static async Task Churn(TestSpool spool, SpoolLedger ledger, Random random, int messages)
    {
        for (int i = 0; i < messages; i++)
        {
            SpooledMessage message = await Store(spool, ledger, random, 7000, 1);
            ledger.Settling(message.Id, 0);
            spool.Settle(message);
        }
    }

    private static async Task<SpooledMessage> Store(TestSpool spool, SpoolLedger ledger, Random random, int length, int recipients)
    {
        byte[] body = TestSpool.Body(random.Next(), length);
        using SpoolTransaction transaction = spool.Spool.Begin();
        ledger.Sent(transaction.Id, body);
        body.CopyTo(transaction.GetSpan(body.Length));
        transaction.Advance(body.Length);
        CommitResult result = await transaction.CommitAsync(TestSpool.Envelope([.. Enumerable.Range(0, recipients).Select(r => $"r{r}@example.net")]), DateTimeOffset.UnixEpoch, null);
        ledger.Acknowledged(result.Message!);
        return result.Message!;
    }

    /// <summary>Messages that stay, one in each segment; all else there is settled.</summary>
    internal static async Task<List<SpooledMessage>> Sparse(TestSpool spool, int segments)
    {
        var kept = new List<SpooledMessage>();
        for (int i = 0; i < segments; i++)
        {
            kept.Add(await spool.Store(TestSpool.Body(i, 7000)));
            await SpoolRecoveryTests.Fill(spool, 7);
        }

        return kept;
    }

    private static int Segments(FaultyStorage disk) => disk.Names(TestSpool.Folder).Count(n => n.EndsWith(".seg", StringComparison.Ordinal));
}

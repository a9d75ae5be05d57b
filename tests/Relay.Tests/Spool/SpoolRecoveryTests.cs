using Relay.Protocol.Message;
using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>What a restart reads, and what goes on while it reads.</summary>
public sealed class SpoolRecoveryTests
{
    private readonly FaultyStorage _disk = new();

    [Fact]
    public async Task Segments_with_an_index_are_not_read_at_start()
    {
        List<SpooledMessage> stored = await StoreInSealedSegments();
        FaultyStorage disk = _disk;
        disk.ForgetCalls();
        string[] indexed = disk.Names(TestSpool.Folder).Where(n => n.EndsWith(".idx", StringComparison.Ordinal)).Select(n => n[..8] + ".seg").ToArray();
        Assert.True(indexed.Length > 5);
        await using TestSpool again = TestSpool.Open(disk);
        Assert.Equal(stored.Select(m => m.Id), again.Recovered.Select(m => m.Message.Id));
        // Its header and the first record's; a whole one takes many more.
        Assert.All(indexed, name => Assert.InRange(disk.Calls().Count(c => c == $"read {name}"), 1, 3));
        Assert.All(again.Recovered, (m, i) => Assert.Equal(TestSpool.Body(i, 6000), again.Read(m.Message)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12)]
    [InlineData(16)]
    [InlineData(24)]
    [InlineData(72)]
    [InlineData(80)]
    [InlineData(100)]
    [InlineData(500)]
    public async Task A_damaged_index_only_means_that_its_segment_is_read(int at)
    {
        List<SpooledMessage> stored = await StoreInSealedSegments();
        FaultyStorage disk = _disk;
        string[] indexes = disk.Names(TestSpool.Folder).Where(n => n.EndsWith(".idx", StringComparison.Ordinal)).ToArray();
        Assert.All(indexes, name => disk.Damage($"{TestSpool.Folder}/{name}", Math.Min(at, disk.Content($"{TestSpool.Folder}/{name}").Length - 3), 3));
        await using (TestSpool again = TestSpool.Open(disk))
        {
            Assert.Equal(stored.Select(m => m.Id), again.Recovered.Select(m => m.Message.Id));
            Assert.DoesNotContain(TestSpool.Folder + "/corrupt", disk.Names("/"));
        }

        // And they are whole again.
        disk.ForgetCalls();
        await using TestSpool third = TestSpool.Open(disk);
        Assert.Equal(stored.Select(m => m.Id), third.Recovered.Select(m => m.Message.Id));
        Assert.All(indexes, name => Assert.InRange(disk.Calls().Count(c => c == $"read {name[..8]}.seg"), 1, 3));
    }

    [Fact]
    public async Task A_truncated_or_foreign_index_is_not_believed()
    {
        List<SpooledMessage> stored = await StoreInSealedSegments();
        FaultyStorage disk = _disk;
        string[] indexes = disk.Names(TestSpool.Folder).Where(n => n.EndsWith(".idx", StringComparison.Ordinal)).Select(n => $"{TestSpool.Folder}/{n}").ToArray();
        byte[] other = disk.Content(indexes[1]);
        Replace(disk, indexes[0], other);
        Replace(disk, indexes[1], other[..^1]);
        Replace(disk, indexes[2], []);
        Replace(disk, TestSpool.Folder + "/99999999.idx", other);
        await using TestSpool again = TestSpool.Open(disk);
        Assert.Equal(stored.Select(m => m.Id), again.Recovered.Select(m => m.Message.Id));
        Assert.DoesNotContain("99999999.idx", disk.Names(TestSpool.Folder));
    }

    [Fact]
    public async Task An_index_that_cannot_be_written_costs_nothing_but_time()
    {
        _disk.Fault = (call, path) => path.EndsWith(".idx", StringComparison.Ordinal) && call != "unlink" ? Errno.TooMany : 0;
        var stored = new List<SpooledMessage>();
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            for (int i = 0; i < 40; i++)
            {
                stored.Add(await spool.Store(TestSpool.Body(i, 6000)));
            }

            Assert.Equal(SpoolStatus.Healthy, spool.Spool.Health.Status);
        }

        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Equal(stored.Select(m => m.Id), again.Recovered.Select(m => m.Message.Id));
    }

    [Fact]
    public async Task The_state_of_recipients_goes_through_indexes()
    {
        DateTimeOffset next = DateTimeOffset.UnixEpoch.AddDays(20002);
        SpooledMessage message;
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            message = await spool.Store([1], TestSpool.Envelope("a@example.net", "b@example.net", "c@example.net"));
            spool.Settle(message, 0);
            spool.Spool.Update(message, [new RecipientUpdate(1, RecipientState.Pending, 2, next)]);
            await Fill(spool, 12);
            spool.Spool.Update(message, [new RecipientUpdate(1, RecipientState.Pending, 3, next), new RecipientUpdate(2, RecipientState.Failed, 0, default)]);
            await Fill(spool, 12);
            await Sealed(_disk, 2);
        }

        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        RecoveredMessage found = Assert.Single(again.Recovered);
        Assert.Equal(message.Id, found.Message.Id);
        Assert.Equal([new PendingRecipient(1, 3, next)], found.Pending);
    }

    [Fact]
    public async Task New_mail_is_accepted_and_old_mail_settled_while_the_rest_is_still_being_found()
    {
        List<SpooledMessage> stored = await StoreInSealedSegments();
        FaultyStorage disk = _disk.Crash(null);
        var options = new SpoolOptions { Paths = [TestSpool.Folder], SegmentSize = TestSpool.SmallSegment };
        await using MessageSpool spool = MessageSpool.Open(options, disk, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        using var goOn = new ManualResetEventSlim();
        var found = new List<RecoveredMessage>();
        Task recovery = spool.RecoverAsync(
            message =>
            {
                found.Add(message);
                if (found.Count == 20)
                {
                    goOn.Wait(TimeSpan.FromSeconds(20), CancellationToken.None);
                }
            }, CancellationToken.None);
        await TestSpool.Until(() => Volatile.Read(ref found).Count == 20);

        QueueId fresh;
        using (SpoolTransaction transaction = spool.Begin())
        {
            CommitResult result = await transaction.CommitAsync(TestSpool.Envelope("new@example.net"), default, null);
            fresh = result.Message!.Id;
        }

        foreach (RecoveredMessage message in found.Take(19))
        {
            spool.Update(message.Message, [new RecipientUpdate(0, RecipientState.Delivered, 0, default)]);
        }

        await spool.FlushAsync();
        FaultyStorage cut = disk.Crash(null);
        goOn.Set();
        await recovery;
        Assert.Equal(stored.Select(m => m.Id), found.Select(m => m.Message.Id));

        await using TestSpool again = TestSpool.Open(cut);
        Assert.Equal(stored.Skip(19).Select(m => m.Id).Append(fresh), again.Recovered.Select(m => m.Message.Id));
    }

    [Fact]
    public async Task Recovery_that_is_stopped_halfway_loses_nothing()
    {
        List<SpooledMessage> stored = await StoreInSealedSegments();
        var options = new SpoolOptions { Paths = [TestSpool.Folder], SegmentSize = TestSpool.SmallSegment };
        var found = new List<RecoveredMessage>();
        await using (MessageSpool spool = MessageSpool.Open(options, _disk, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance))
        {
            using var stop = new CancellationTokenSource();
            await spool.RecoverAsync(
                message =>
                {
                    found.Add(message);
                    stop.Cancel();
                }, stop.Token);
            foreach (RecoveredMessage message in found)
            {
                spool.Remove(message.Message);
            }
        }

        Assert.InRange(found.Count, 1, 12);
        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Equal(stored.Skip(found.Count).Select(m => m.Id), again.Recovered.Select(m => m.Message.Id));
    }

    [Fact]
    public async Task Without_descriptors_no_body_is_taken_for_missing()
    {
        SpooledMessage large;
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            large = await spool.Store(TestSpool.Body(1, 300_000));
        }

        _disk.Fault = (call, path) => call == "open" && path.EndsWith(".msg", StringComparison.Ordinal) ? Errno.TooMany : 0;
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            Assert.Equal(large.Id, Assert.Single(spool.Recovered).Message.Id);
        }

        _disk.Fault = null;
        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Equal(TestSpool.Body(1, 300_000), again.Read(Assert.Single(again.Recovered).Message));
    }

    [Fact]
    public async Task Without_descriptors_for_segments_the_spool_does_not_open_and_moves_nothing_aside()
    {
        await StoreInSealedSegments();
        _disk.Fault = (call, path) => call == "open" && path.EndsWith(".seg", StringComparison.Ordinal) ? Errno.TooMany : 0;
        Assert.Contains("can't be opened", Assert.Throws<IOException>(() => TestSpool.Open(_disk)).Message, StringComparison.Ordinal);
        Assert.DoesNotContain(TestSpool.Folder + "/corrupt", _disk.Names("/"));
    }

    internal static async Task Fill(TestSpool spool, int messages)
    {
        for (int i = 0; i < messages; i++)
        {
            spool.Settle(await spool.Store(TestSpool.Body(i, 8000)));
        }
    }

    internal static Task Sealed(FaultyStorage disk, int indexes) =>
        TestSpool.Until(() => disk.Calls().Count(c => c.StartsWith("sync ", StringComparison.Ordinal) && c.EndsWith(".idx", StringComparison.Ordinal)) >= indexes);

    private static void Replace(FaultyStorage disk, string path, byte[] content)
    {
        disk.Unlink(path);
        disk.Open(path, OpenMode.CreateNew, out int file);
        disk.Write(file, content, 0, out _);
        disk.Sync(file);
        disk.Close(file);
    }

    /// <summary>Seventy messages, nothing settled; all segments but the last have their index.</summary>
    private async Task<List<SpooledMessage>> StoreInSealedSegments()
    {
        var stored = new List<SpooledMessage>();
        await using TestSpool spool = TestSpool.Open(_disk);
        for (int i = 0; i < 70; i++)
        {
            stored.Add(await spool.Store(TestSpool.Body(i, 6000)));
        }

        await Sealed(_disk, stored.Select(m => m.Segment).Distinct().Count() - 1);
        return stored;
    }
}

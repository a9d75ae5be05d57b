using Relay.Spool;

namespace Relay.Tests.Spool;

public sealed class SpoolFaultTests
{
    private const int Eio = 5;
    private const int Erofs = 30;

    private readonly FaultyStorage _disk = new();

    [Theory]
    [InlineData("sync", Eio)]
    [InlineData("sync", Erofs)]
    [InlineData("sync", Errno.NoSpace)]
    [InlineData("write", Eio)]
    [InlineData("write", Erofs)]
    public async Task A_failed_sync_or_write_acknowledges_nothing_and_is_never_tried_again(string call, int error)
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        SpooledMessage before = await spool.Store(TestSpool.Body(1, 3000));
        await Ready();
        int tries = 0;
        _disk.Fault = (c, path) => c == call && path.EndsWith(".seg", StringComparison.Ordinal) && ++tries == 1 ? error : 0;

        Task<CommitResult>[] commits = Enumerable.Range(2, 5).Select(i => spool.TryStore(TestSpool.Body(i, 3000))).ToArray();
        CommitResult[] results = await Task.WhenAll(commits);
        Assert.All(results.Concat([await spool.TryStore([1])]), r => Assert.Equal(new CommitResult(null, SpoolFailure.Failed), r));
        Assert.Equal(1, tries);
        Assert.Equal(SpoolStatus.Failed, spool.Spool.Health.Status);
        Assert.NotEmpty(spool.Spool.Health.Reason);

        // Deliveries go on, only in memory.
        Assert.Equal(TestSpool.Body(1, 3000), spool.Read(before));
        spool.Settle(before);
        await Assert.ThrowsAsync<IOException>(() => spool.Spool.FlushAsync().AsTask());

        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        Assert.Equal([before.Id], again.Recovered.Select(m => m.Message.Id));
    }

    [Theory]
    [InlineData("sync")]
    [InlineData("syncdir")]
    [InlineData("write")]
    public async Task A_large_body_that_fails_to_reach_the_disk_fails_its_commit_not_its_session(string call)
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        await Ready();
        _disk.Fault = (c, path) => c == call && (call == "syncdir" || path.EndsWith(".msg", StringComparison.Ordinal)) ? Eio : 0;
        Assert.Equal(SpoolFailure.Failed, (await spool.TryStore(TestSpool.Body(1, 300_000))).Failure);
        Assert.Equal(SpoolStatus.Failed, spool.Spool.Health.Status);
        _disk.Fault = null;
        await using TestSpool again = TestSpool.Open(_disk.Crash(new Random(1)));
        Assert.Empty(again.Recovered);
    }

    [Fact]
    public async Task No_descriptor_for_a_large_body_fails_that_message_only()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        _disk.Fault = (c, path) => c == "open" && path.EndsWith(".msg", StringComparison.Ordinal) ? 24 : 0;
        Assert.Equal(SpoolFailure.Failed, (await spool.TryStore(TestSpool.Body(1, 300_000))).Failure);
        Assert.Equal(SpoolStatus.Healthy, spool.Spool.Health.Status);
        await spool.Store([1]);
    }

    [Fact]
    public async Task Without_any_descriptor_small_mail_goes_on_and_large_mail_is_refused_until_there_are_some()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        SpooledMessage large = await spool.Store(TestSpool.Body(1, 300_000));
        await Ready(bodies: 1);
        _disk.Fault = (c, _) => c == "open" ? Errno.TooMany : 0;
        for (int i = 0; i < 40; i++)
        {
            // Several segments full: each that was emptied is used again, which takes a sync of the folder.
            SpooledMessage small = await spool.Store(TestSpool.Body(i, 7000));
            Assert.Equal(SpoolFailure.Failed, (await spool.TryStore(TestSpool.Body(2, 300_000))).Failure);
            spool.Settle(small);
            await spool.Spool.FlushAsync();
            await TestSpool.Until(() => spool.Spool.Health.Status == SpoolStatus.Healthy);
        }

        Assert.Throws<SpoolReadException>(() => spool.Read(large));
        _disk.Fault = null;
        Assert.Equal(TestSpool.Body(1, 300_000), spool.Read(large));
        SpooledMessage after = await spool.Store(TestSpool.Body(3, 300_000));
        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        Assert.Equal([large.Id, after.Id], again.Recovered.Select(m => m.Message.Id));
    }

    [Fact]
    public async Task Without_descriptors_in_the_midst_of_a_large_message_it_still_becomes_durable()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        await Ready();
        using SpoolTransaction transaction = spool.Spool.Begin();
        byte[] body = TestSpool.Body(1, 300_000);
        body.CopyTo(transaction.GetSpan(body.Length));
        transaction.Advance(body.Length);
        await transaction.FlushAsync();
        _disk.Fault = (c, _) => c == "open" ? Errno.TooMany : 0;
        CommitResult result = await transaction.CommitAsync(TestSpool.Envelope("to@example.net"), DateTimeOffset.UnixEpoch, null);
        Assert.NotNull(result.Message);
        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        Assert.Equal(body, again.Read(Assert.Single(again.Recovered).Message));
    }

    [Fact]
    public async Task Without_space_for_segments_the_spool_is_full_until_there_is_some()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        await Ready();
        _disk.SetSpace(1000);
        var stored = new List<SpooledMessage>();
        CommitResult result = await spool.TryStore(TestSpool.Body(1, 8000));
        while (result.Message is not null)
        {
            stored.Add(result.Message);
            result = await spool.TryStore(TestSpool.Body(1, 8000));
        }

        Assert.Equal(SpoolFailure.Full, result.Failure);
        Assert.Equal(SpoolStatus.Full, spool.Spool.Health.Status);

        // Our own notifications and settlements still find room.
        CommitResult bounce = await spool.TryStore(TestSpool.Body(1, 8000), mayUseReserve: true);
        Assert.NotNull(bounce.Message);
        foreach (SpooledMessage message in stored.Skip(1))
        {
            spool.Settle(message);
        }

        await spool.Spool.FlushAsync();
        _disk.SetSpace(FaultyStorage.Plenty);
        await TestSpool.Until(() => spool.Spool.Health.Status == SpoolStatus.Healthy);
        SpooledMessage afterwards = await spool.Store([1]);

        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        Assert.Equal([stored[0].Id, bounce.Message.Id, afterwards.Id], again.Recovered.Select(m => m.Message.Id));
    }

    [Fact]
    public async Task A_full_spool_recovers_by_delivering()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        await Ready();
        _disk.SetSpace(1000);
        var stored = new List<SpooledMessage>();
        while ((await spool.TryStore(TestSpool.Body(1, 8000))).Message is { } message)
        {
            stored.Add(message);
        }

        stored.ForEach(m => spool.Settle(m));
        await TestSpool.Until(() => spool.Spool.Health.Status == SpoolStatus.Healthy);
        await spool.Store([1]);
    }

    [Fact]
    public async Task A_large_body_without_space_is_answered_full_and_others_go_on()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        await Ready();
        _disk.SetSpace(200_000);
        Assert.Equal(SpoolFailure.Full, (await spool.TryStore(TestSpool.Body(1, 300_000))).Failure);
        await spool.Store(TestSpool.Body(2, 3000));
        Assert.Equal(SpoolStatus.Healthy, spool.Spool.Health.Status);
    }

    [Fact]
    public async Task A_declared_size_is_refused_when_it_would_take_the_space_for_another_segment()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        await Ready();
        _disk.SetSpace(TestSpool.SmallSegment + 100_000);
        Assert.Equal(SpoolFailure.None, spool.Spool.Answer(100_000));
        Assert.Equal(SpoolFailure.Full, spool.Spool.Answer(100_001));

        // What goes into the log needs none of it, nor does mail that doesn't say its size.
        _disk.SetSpace(0);
        Assert.Equal(SpoolFailure.None, spool.Spool.Answer(1000));
        Assert.Equal(SpoolFailure.None, spool.Spool.Answer(0));
        Assert.Equal(SpoolFailure.Full, spool.Spool.Answer(20_000));

        // When the file system can't tell, the end of the message will.
        _disk.Fault = (call, _) => call == "free" ? Eio : 0;
        Assert.Equal(SpoolFailure.None, spool.Spool.Answer(20_000));
    }

    [Theory]
    [InlineData("mkdir", Erofs, "spool /spool can't be used: Read-only file system (errno 30)")]
    [InlineData("open", 13, "spool /spool can't be used: Permission denied (errno 13)")]
    [InlineData("write", Erofs, "spool /spool can't be written: Read-only file system (errno 30)")]
    [InlineData("allocate", Errno.NoSpace, "spool /spool can't be written: No space left on device (errno 28)")]
    public void A_folder_that_cannot_be_written_is_refused_with_the_reason(string call, int error, string said)
    {
        _disk.Fault = (c, path) => c == call && !path.EndsWith("members", StringComparison.Ordinal) ? error : 0;
        Assert.Equal(said, Assert.Throws<IOException>(() => TestSpool.Open(_disk)).Message);
    }

    [Fact]
    public async Task A_write_without_space_inside_a_segment_loses_no_settlement()
    {
        // Copy-on-write file systems want space even for overwriting.
        await using TestSpool spool = TestSpool.Open(_disk);
        SpooledMessage done = await spool.Store([1]);
        await Ready();
        int fails = 2;
        _disk.Fault = (c, path) => c == "write" && path.EndsWith(".seg", StringComparison.Ordinal) && fails-- > 0 ? Errno.NoSpace : 0;
        spool.Settle(done);
        Assert.Equal(SpoolFailure.Full, (await spool.TryStore([2])).Failure);
        await TestSpool.Until(() => fails <= 0);
        SpooledMessage kept = await spool.Store([3]);
        await spool.Spool.FlushAsync();
        await using TestSpool again = TestSpool.Open(_disk.Crash(null));
        Assert.Equal([kept.Id], again.Recovered.Select(m => m.Message.Id));
    }

    [Fact]
    public async Task Order_of_a_large_message_is_file_folder_log()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        await Ready();
        _disk.ForgetCalls();
        SpooledMessage message = await spool.Store(TestSpool.Body(1, 300_000));
        List<string> calls = _disk.Calls();
        int write = calls.LastIndexOf($"write {message.Id}.msg");
        int sync = calls.IndexOf($"sync {message.Id}.msg");
        int folder = calls.IndexOf("syncdir spool");
        int log = calls.FindIndex(c => c.StartsWith("write ", StringComparison.Ordinal) && c.EndsWith(".seg", StringComparison.Ordinal));
        int logSync = calls.FindIndex(c => c.StartsWith("sync ", StringComparison.Ordinal) && c.EndsWith(".seg", StringComparison.Ordinal));
        Assert.True(write >= 0 && write < sync && sync < folder && folder < log && log < logSync, string.Join('\n', calls));
    }

    [Fact]
    public async Task A_body_file_goes_only_after_its_settlement_is_durable()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        SpooledMessage message = await spool.Store(TestSpool.Body(1, 300_000));
        await Ready(bodies: 1);
        _disk.ForgetCalls();
        spool.Settle(message);
        await TestSpool.Until(() => !_disk.Names(TestSpool.Folder).Contains(message.Id + ".msg"));
        List<string> calls = _disk.Calls();
        int sync = calls.FindIndex(c => c.StartsWith("sync ", StringComparison.Ordinal) && c.EndsWith(".seg", StringComparison.Ordinal));
        Assert.True(sync >= 0 && sync < calls.IndexOf($"unlink {message.Id}.msg"), string.Join('\n', calls));
    }

    [Fact]
    public async Task Surplus_segments_go_one_by_one_each_durably_before_the_next()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        var stored = new List<SpooledMessage>();
        for (int i = 0; i < 80; i++)
        {
            stored.Add(await spool.Store(TestSpool.Body(i, 12_000)));
        }

        stored.ForEach(m => spool.Settle(m));
        await spool.Spool.FlushAsync();
        // The one in use and what is kept ready.
        await TestSpool.Until(() => _disk.Names(TestSpool.Folder).Count(n => n.EndsWith(".seg", StringComparison.Ordinal)) <= 7);
        // Only what is done to names: the committer may sync the log at any time between.
        List<string> Names() => [.. _disk.Calls().Where(c => c == "syncdir spool" || (c.StartsWith("unlink ", StringComparison.Ordinal) && c.EndsWith(".seg", StringComparison.Ordinal)))];
        await TestSpool.Until(() => Names()[^1] == "syncdir spool");
        List<string> calls = Names();
        int[] unlinks = Enumerable.Range(0, calls.Count).Where(i => calls[i].StartsWith("unlink ", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(unlinks);
        Assert.All(unlinks, i => Assert.Equal("syncdir spool", calls[i + 1]));
    }

    [Fact]
    public async Task Durability_os_writes_without_a_sync()
    {
        await using TestSpool spool = TestSpool.Open(_disk, with: o => o with { Durability = Durability.Os });
        await spool.Store(TestSpool.Body(1, 3000));
        await spool.Store(TestSpool.Body(2, 300_000));
        Assert.Equal(0, _disk.Syncs);
    }

    /// <summary>
    /// Until upkeep has made what it keeps ready, so that its calls don't mix with the test's: every segment made, and every large body, ends in a sync of the
    /// folder.
    /// </summary>
    private Task Ready(int bodies = 0) => TestSpool.Until(() => _disk.Calls().Count(c => c == "syncdir spool") >= 5 + bodies);
}

using Relay.Protocol.Message;
using Relay.Spool;

namespace Relay.Tests.Spool;

public sealed class SeveralFoldersTests
{
    private const int Eio = 5;

    private readonly FaultyStorage _disk = new();

    [Fact]
    public async Task Mail_is_spread_over_the_folders_and_settled_in_its_own()
    {
        await using TestSpool spool = TestSpool.Open(_disk, "/a", "/b", "/c");
        var stored = new List<SpooledMessage>();
        for (int i = 0; i < 30; i++)
        {
            stored.Add(await spool.Store(TestSpool.Body(i, i == 29 ? 200_000 : 500)));
        }

        Assert.Equal([10, 10, 10], stored.GroupBy(FolderOf).Select(g => g.Count()));
        Assert.Equal(30, stored.Select(m => m.Id).Distinct().Count());
        Assert.All(stored, (m, i) => Assert.Equal(TestSpool.Body(i, i == 29 ? 200_000 : 500), spool.Read(m)));

        stored.Take(15).ToList().ForEach(m => spool.Settle(m));
        await spool.Spool.FlushAsync();
        await using TestSpool again = TestSpool.Open(_disk.Crash(null), "/a", "/b", "/c");
        Assert.Equal(stored.Skip(15).Select(m => m.Id), again.Recovered.Select(m => m.Message.Id).Order());
    }

    [Fact]
    public async Task A_folder_where_mail_piles_up_gets_less()
    {
        await using TestSpool spool = TestSpool.Open(_disk, "/a", "/b");
        List<SpoolTransaction> slow = Enumerable.Range(0, 10).Select(_ => spool.Spool.Begin()).ToList();
        // In turn, so every second one lies in the same folder; those of the other end.
        SpooledMessage[] ended = await Task.WhenAll(slow.Where((_, i) => i % 2 == 1).Select(Commit));
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(FolderOf(ended[0]), FolderOf(await spool.Store([1])));
        }

        slow.ForEach(t => t.Dispose());
    }

    [Theory]
    [InlineData(Eio, nameof(SpoolStatus.Failed))]
    [InlineData(Errno.NoSpace, nameof(SpoolStatus.Full))]
    public async Task One_folder_fails_and_the_others_go_on(int error, string becomes)
    {
        await using TestSpool spool = TestSpool.Open(_disk, "/a", "/b");
        SpooledMessage before = await StoreIn(spool, "/a");
        _disk.Fault = (call, path) => path.StartsWith("/a/", StringComparison.Ordinal) && call == "write" ? error : 0;
        await TestSpool.Until(async () =>
        {
            await spool.TryStore(TestSpool.Body(1, 9000));
            return spool.Spool.Count(Enum.Parse<SpoolStatus>(becomes)) == 1;
        });

        for (int i = 0; i < 10; i++)
        {
            Assert.Equal("/b", FolderOf(await spool.Store([1])));
        }

        Assert.Equal((SpoolFailure.None, SpoolStatus.Healthy), (spool.Spool.Answer(0), spool.Spool.Health.Status));
        Assert.StartsWith("/a: ", spool.Spool.Health.Reason, StringComparison.Ordinal);

        // What lies there is still delivered.
        Assert.Equal(TestSpool.Body(7, 3000), spool.Read(before));
        spool.Settle(before);
        _disk.Fault = null;
    }

    [Fact]
    public async Task When_the_last_folder_fails_nothing_is_accepted_and_all_reasons_are_told()
    {
        await using TestSpool spool = TestSpool.Open(_disk, "/a", "/b");
        _disk.Fault = (call, path) => call == "sync" && path.EndsWith(".seg", StringComparison.Ordinal) ? Eio : 0;
        await TestSpool.Until(async () =>
        {
            await spool.TryStore([1]);
            return spool.Spool.Count(SpoolStatus.Failed) == 2;
        });
        Assert.Equal(SpoolFailure.Failed, (await spool.TryStore([1])).Failure);
        Assert.Equal((SpoolFailure.Failed, SpoolStatus.Failed), (spool.Spool.Answer(0), spool.Spool.Health.Status));
        Assert.Contains("/a: ", spool.Spool.Health.Reason, StringComparison.Ordinal);
        Assert.Contains("; /b: ", spool.Spool.Health.Reason, StringComparison.Ordinal);
        await Assert.ThrowsAsync<IOException>(() => spool.Spool.FlushAsync().AsTask());
    }

    [Fact]
    public async Task Folders_may_be_listed_in_another_order_and_added_and_ids_stay_above_all()
    {
        QueueId last = await Store("/a", "/b");
        QueueId more = await Store("/b", "/a");
        Assert.True(more > last);
        QueueId most = await Store("/c", "/b", "/a");
        Assert.True(most > more);
        await using TestSpool again = TestSpool.Open(_disk.Crash(null), "/a", "/c", "/b");
        Assert.Equal(18, again.Recovered.Count);
    }

    [Theory]
    [InlineData("/a")]
    [InlineData("/a", "/new")]
    public async Task A_folder_that_is_missing_is_named_instead_of_forgotten(params string[] left)
    {
        await Store("/a", "/b");
        string error = Assert.Throws<IOException>(() => TestSpool.Open(_disk, left)).Message;
        Assert.StartsWith("spool /b is missing (", error, StringComparison.Ordinal);
        Assert.EndsWith("which belongs to /a: mount it and list it, or delete /a/members to go on without the mail in it", error, StringComparison.Ordinal);
        Assert.Empty(_disk.Names("/new"));

        _disk.Unlink("/a/members");
        await using TestSpool without = TestSpool.Open(_disk, left);
        Assert.Equal(3, without.Recovered.Count);
    }

    [Fact]
    public async Task A_disk_that_is_not_mounted_is_not_taken_for_an_empty_one()
    {
        await Store("/a", "/b");
        foreach (string name in _disk.Names("/b"))
        {
            _disk.Unlink("/b/" + name);
        }

        Assert.StartsWith("spool /b is missing (", Assert.Throws<IOException>(() => TestSpool.Open(_disk, "/b", "/a")).Message, StringComparison.Ordinal);
        Assert.Empty(_disk.Names("/b"));
    }

    [Fact]
    public async Task A_crash_while_folders_are_joined_leaves_a_spool_that_opens()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            var disk = new FaultyStorage();
            await using (TestSpool alone = TestSpool.Open(disk, "/a"))
            {
                await alone.Store([1]);
            }

            int left = seed % 12;
            disk.Fault = (call, path) => path.Contains("members", StringComparison.Ordinal) && call is "write" or "sync" or "rename" && left-- <= 0 ? Eio : 0;
            try
            {
                await TestSpool.Open(disk, "/a", "/b").DisposeAsync();
            }
            catch (IOException)
            {
                // The crash.
            }

            await using TestSpool again = TestSpool.Open(disk.Crash(new Random(seed)), "/a", "/b");
            Assert.Single(again.Recovered);
        }
    }

    [Fact]
    public async Task A_copy_of_a_folder_is_refused()
    {
        await Store("/a", "/b");
        _disk.Open("/c/members", OpenMode.CreateNew, out int file);
        _disk.Write(file, _disk.Content("/a/members"), 0, out _);
        Assert.Equal("spool /a and /c are the same folder, or one is a copy of the other", Assert.Throws<IOException>(() => TestSpool.Open(_disk, "/a", "/b", "/c")).Message);
    }

    [Fact]
    public async Task A_members_file_that_makes_no_sense_is_refused()
    {
        await Store("/a", "/b");
        _disk.Damage("/a/members", 0, 4);
        Assert.StartsWith("/a/members can't be understood", Assert.Throws<IOException>(() => TestSpool.Open(_disk, "/a", "/b")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_opened_leaves_none_open()
    {
        string root = Directory.CreateTempSubdirectory("relay-folders-").FullName;
        try
        {
            string file = Path.Combine(root, "b");
            await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
            Assert.Equal($"spool {file} is not a folder", Assert.Throws<IOException>(() => TestSpool.Open(new DiskStorage(), Path.Combine(root, "a"), file)).Message);
            // The lock of the first one is free again.
            await using TestSpool first = TestSpool.Open(new DiskStorage(), Path.Combine(root, "a"));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static string FolderOf(SpooledMessage message) => message.Directory!.Files.Folder;

    private static async Task<SpooledMessage> Commit(SpoolTransaction transaction)
    {
        using (transaction)
        {
            return (await transaction.CommitAsync(TestSpool.Envelope("to@example.net"), default, null)).Message!;
        }
    }

    private static async Task<SpooledMessage> StoreIn(TestSpool spool, string folder)
    {
        while (true)
        {
            SpooledMessage message = await spool.Store(TestSpool.Body(7, 3000));
            if (FolderOf(message) == folder)
            {
                spool.Spool.ReleaseBody(message);
                return message;
            }
        }
    }

    /// <summary>Opens, stores six messages, closes; gives the last id.</summary>
    private async Task<QueueId> Store(params string[] folders)
    {
        await using TestSpool spool = TestSpool.Open(_disk, folders);
        QueueId last = default;
        for (int i = 0; i < 6; i++)
        {
            last = (await spool.Store(TestSpool.Body(i, 100))).Id;
        }

        return last;
    }
}

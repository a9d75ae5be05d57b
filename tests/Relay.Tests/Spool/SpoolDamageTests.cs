using Relay.Spool;

namespace Relay.Tests.Spool;

public sealed class SpoolDamageTests
{
    private const string Corrupt = TestSpool.Folder + "/corrupt";

    private readonly FaultyStorage _disk = new();

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    [InlineData(20)]
    [InlineData(40)]
    [InlineData(200)]
    [InlineData(2000)]
    public async Task A_damaged_record_is_set_aside_and_the_others_are_found(int at)
    {
        List<SpooledMessage> stored = await StoreTen();
        SpooledMessage hit = stored[4];
        _disk.Damage(Path(hit), hit.RecordOffset + at, 3);

        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Equal(stored.Where(m => m != hit).Select(m => m.Id), again.Recovered.Select(m => m.Message.Id));
        Assert.All(again.Recovered, m => Assert.Equal(stored.Single(s => s.Id == m.Message.Id).Size, again.Read(m.Message).Length));
        string copy = Assert.Single(_disk.Names(Corrupt));
        Assert.True(_disk.Content($"{Corrupt}/{copy}").Length >= 3000);
    }

    [Fact]
    public async Task A_damaged_marker_loses_no_message()
    {
        List<SpooledMessage> stored = await StoreTen();
        foreach (SpooledMessage message in new[] { stored[2], stored[^1] })
        {
            _disk.Damage(Path(message), message.RecordOffset + message.RecordLength, 40);
        }

        // What the last marker covered is only known from the next batch: the one after the restart.
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            Assert.Equal(stored.SkipLast(1).Select(m => m.Id), spool.Recovered.Select(m => m.Message.Id));
        }
    }

    [Fact]
    public async Task The_last_marker_of_a_segment_is_vouched_for_by_the_next_segment()
    {
        List<SpooledMessage> stored = [];
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            for (int i = 0; i < 40; i++)
            {
                stored.Add(await spool.Store(TestSpool.Body(i, 3000)));
            }
        }

        SpooledMessage last = stored.Last(m => m.Segment == stored[0].Segment);
        _disk.Damage(Path(last), last.RecordOffset + last.RecordLength, 40);
        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Equal(stored.Select(m => m.Id), again.Recovered.Select(m => m.Message.Id));
    }

    [Fact]
    public async Task A_segment_without_its_header_is_still_read()
    {
        List<SpooledMessage> stored = await StoreTen();
        _disk.Damage(Path(stored[0]), 0, 64);
        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Equal(stored.Select(m => m.Id), again.Recovered.Select(m => m.Message.Id));
    }

    [Fact]
    public async Task A_lost_body_file_sets_its_record_aside_once()
    {
        SpooledMessage large;
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            large = await spool.Store(TestSpool.Body(1, 300_000));
            await spool.Store([1]);
        }

        _disk.Unlink($"{TestSpool.Folder}/{large.Id}.msg");
        await using (TestSpool again = TestSpool.Open(_disk))
        {
            Assert.Single(again.Recovered);
            Assert.Single(_disk.Names(Corrupt));
            await again.Spool.FlushAsync();
        }

        await using TestSpool third = TestSpool.Open(_disk);
        Assert.Single(third.Recovered);
    }

    [Fact]
    public async Task With_damage_in_the_log_a_body_without_a_record_is_kept()
    {
        SpooledMessage large;
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            large = await spool.Store(TestSpool.Body(1, 300_000));
            await spool.Store([1]);
        }

        _disk.Damage(Path(large), large.RecordOffset + 30, 8);
        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Single(again.Recovered);
        Assert.Contains($"{large.Id}.msg", _disk.Names(Corrupt));
    }

    [Fact]
    public async Task A_body_that_was_damaged_meanwhile_is_not_given_out()
    {
        await using TestSpool spool = TestSpool.Open(_disk, with: o => o with { CacheBudget = 0 });
        SpooledMessage small = await spool.Store(TestSpool.Body(1, 3000));
        SpooledMessage large = await spool.Store(TestSpool.Body(2, 300_000));
        _disk.Damage(Path(small), small.BodyOffset + 1000, 1);
        _disk.Damage($"{TestSpool.Folder}/{large.Id}.msg", 150_000, 1);
        Assert.Throws<SpoolReadException>(() => spool.Read(small));
        Assert.Throws<SpoolReadException>(() => spool.Read(large));
    }

    [Fact]
    public async Task What_can_t_be_read_is_kept_and_the_rest_is_found()
    {
        List<SpooledMessage> stored = await StoreTen();
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            await spool.Store([1]);
        }

        string bad = Path(stored[0]);
        _disk.Fault = (call, path) => call == "read" && path == bad ? 5 : 0;
        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Single(again.Recovered);
        Assert.Contains(System.IO.Path.GetFileName(bad), _disk.Names(TestSpool.Folder));
    }

    [Fact]
    public async Task Foreign_files_are_moved_aside_or_left_alone()
    {
        List<SpooledMessage> stored = await StoreTen();
        foreach (string name in new[] { "garbage.seg", "note.txt", "0000000000001.msg" })
        {
            _disk.Open($"{TestSpool.Folder}/{name}", OpenMode.CreateNew, out int file);
            _disk.Write(file, "what is this"u8, 0, out _);
        }

        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Equal(stored.Select(m => m.Id), again.Recovered.Select(m => m.Message.Id));
        Assert.Equal(["0000000000001.msg", "garbage.seg"], _disk.Names(Corrupt).Order(StringComparer.Ordinal));
        Assert.Contains("note.txt", _disk.Names(TestSpool.Folder));
    }

    [Fact]
    public async Task Random_damage_anywhere_never_stops_the_start_nor_alters_a_message()
    {
        var bodies = new Dictionary<Relay.Protocol.Message.QueueId, byte[]>();
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            for (int i = 0; i < 40; i++)
            {
                byte[] body = TestSpool.Body(i, 200 * i);
                bodies.Add((await spool.Store(body)).Id, body);
            }
        }

        var random = new Random(5);
        for (int round = 0; round < 60; round++)
        {
            FaultyStorage disk = _disk.Crash(null);
            for (int hit = 0; hit < 3; hit++)
            {
                string[] segments = disk.Names(TestSpool.Folder).Where(n => n.EndsWith(".seg", StringComparison.Ordinal)).ToArray();
                int length = 1 << random.Next(12);
                disk.Damage($"{TestSpool.Folder}/{segments[random.Next(segments.Length)]}", random.Next(TestSpool.SmallSegment - length), length);
            }

            await using TestSpool again = TestSpool.Open(disk);
            int whole = again.Recovered.Count(m => IsWhole(again, m.Message, bodies[m.Message.Id]));
            Assert.InRange(whole, 20, 40);
        }
    }

    /// <summary>Of a segment with an index, damage is found when a body is read; it is never read otherwise than it was written.</summary>
    private static bool IsWhole(TestSpool spool, SpooledMessage message, byte[] body)
    {
        try
        {
            Assert.Equal(body, spool.Read(message));
            return true;
        }
        catch (SpoolReadException)
        {
            return false;
        }
    }

    private static string Path(SpooledMessage message) => message.Segment!.Path;

    private async Task<List<SpooledMessage>> StoreTen()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        var stored = new List<SpooledMessage>();
        for (int i = 0; i < 10; i++)
        {
            stored.Add(await spool.Store(TestSpool.Body(i, 3000)));
        }

        return stored;
    }
}

using System.Globalization;
using System.Text;
using Relay.Protocol.Message;
using Relay.Spool;

namespace Relay.Tests.Spool;

public sealed class SpoolInspectorTests
{
    private readonly FaultyStorage _disk = new();
    private readonly List<SpooledMessage> _stored = [];

    [Fact]
    public async Task A_spool_that_was_left_in_order_has_no_problems()
    {
        await FillAsync();
        SpoolVerdict verdict = Verify(out string[] problems);
        Assert.Empty(problems);
        Assert.Equal((3, 0, 0), (verdict.Messages, verdict.Problems, verdict.Unfinished));
        Assert.True(verdict.Segments >= 4 && verdict.Records > 12, verdict.ToString());
    }

    [Fact]
    public async Task It_writes_nothing()
    {
        await FillAsync();
        _disk.ForgetCalls();
        Verify(out _);
        Assert.DoesNotContain(_disk.Calls(), c => c.Split(' ')[0] is not ("open" or "read"));
    }

    [Fact]
    public async Task Damage_is_told_with_its_file_and_offset()
    {
        await FillAsync();
        SpooledMessage small = _stored[0];
        SpooledMessage large = _stored[1];
        string segment = small.Segment!.Path;
        _disk.Damage(segment, small.BodyOffset + 10, 1);
        _disk.Damage($"/spool/{large.Id}.msg", 100, 1);
        Verify(out string[] problems);
        Assert.Contains($"{segment}: at {small.RecordOffset}: {small.RecordLength} octets are no record (1 of them are lost)", problems);
        Assert.Contains($"/spool/{large.Id}.msg: at 0: the body is damaged (its CRC32C is wrong)", problems);
    }

    [Fact]
    public async Task A_missing_body_and_a_lost_header_are_told()
    {
        await FillAsync();
        SpooledMessage large = _stored[1];
        _disk.Unlink($"/spool/{large.Id}.msg");
        Verify(out string[] problems);
        Assert.Equal([$"/spool/{large.Id}.msg: at 0: No such file or directory (errno 2)"], problems);
        _disk.Damage(large.Segment!.Path, 20, 1);
        Verify(out problems);
        Assert.Contains($"{large.Segment.Path}: at 0: the segment's header is damaged: its records were not looked at", problems);
    }

    [Fact]
    public async Task What_a_power_cut_leaves_is_no_problem()
    {
        for (int seed = 0; seed < 30; seed++)
        {
            var disk = new FaultyStorage();
            await using TestSpool spool = TestSpool.Open(disk);
            for (int i = 0; i < 10; i++)
            {
                spool.Settle(await spool.Store(TestSpool.Body(i, i == 5 ? 40_000 : 9000)));
            }

            Task<CommitResult> underWay = spool.TryStore(TestSpool.Body(1, 9000));
            FaultyStorage after = disk.Crash(new Random(seed));
            await underWay;
            using SpoolInspector inspector = SpoolInspector.Open(new SpoolFiles(after, "/spool", Durability.Sync), alone: true);
            var problems = new List<string>();
            inspector.Verify(problems.Add);
            Assert.Empty(problems);
        }
    }

    [Fact]
    public async Task A_message_is_exported_with_its_envelope_before_it_also_while_the_spool_is_in_use()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        byte[] body = Encoding.ASCII.GetBytes("Subject: kept\r\n\r\nas it came\r\n");
        SpooledMessage message = await spool.Store(body, TestSpool.Envelope("a@example.net", "b@example.net", "c@example.net"));
        SpooledMessage large = await spool.Store(TestSpool.Body(1, 300_000));
        spool.Settle(message, 1);
        spool.Spool.Update(message, [new RecipientUpdate(2, RecipientState.Pending, 2, DateTimeOffset.UnixEpoch.AddDays(20001))]);
        await spool.Spool.FlushAsync();
        Assert.Equal(
            $"X-Relay-Id: {message.Id}\r\nX-Relay-Arrived: 2024-10-04T00:00:00.000Z\r\nX-Relay-Client: 192.0.2.7\r\nX-Relay-From: <from@example.com>\r\nX-Relay-Body: 7BIT\r\n"
            + "X-Relay-To: <a@example.net>; attempts=0; next=2024-10-04T00:00:00.000Z\r\nX-Relay-Done: <b@example.net>\r\n"
            + "X-Relay-To: <c@example.net>; attempts=2; next=2024-10-05T00:00:00.000Z\r\n" + Encoding.ASCII.GetString(body),
            Encoding.ASCII.GetString(Export(message.Id)!));
        Assert.EndsWith(Convert.ToHexString(TestSpool.Body(1, 300_000)), Convert.ToHexString(Export(large.Id)!), StringComparison.Ordinal);

        spool.Spool.Remove(message);
        await spool.Spool.FlushAsync();
        Assert.Null(Export(message.Id));
    }

    [Fact]
    public async Task A_damaged_body_is_not_exported_as_whole()
    {
        await FillAsync();
        _disk.Damage($"/spool/{_stored[1].Id}.msg", 100, 1);
        Assert.Contains("can't be read whole: the body is damaged", Assert.Throws<IOException>(() => Export(_stored[1].Id)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_has_a_line_for_each_message_that_waits()
    {
        await FillAsync();
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        using SpoolInspector inspector = SpoolInspector.Open(new SpoolFiles(_disk, "/spool", Durability.Sync), alone: false);
        inspector.List(text);
        string[] lines = text.ToString().Split(text.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Equal($"{_stored[0].Id} 2024-10-04T00:00:00.000Z 3000 <from@example.com> <to@example.net> 0 2024-10-04T00:00:00.000Z", lines[0]);
    }

    [Fact]
    public async Task In_use_and_no_spool_are_told_apart()
    {
        string folder = Directory.CreateTempSubdirectory("relay-inspect-").FullName;
        try
        {
            Assert.Equal($"{folder} is no spool: there are no segments in it", Assert.Throws<IOException>(() => SpoolInspector.Open(folder, alone: true)).Message);
            Assert.StartsWith($"spool {folder}/none can't be read: ", Assert.Throws<IOException>(() => SpoolInspector.Open(folder + "/none", alone: true)).Message, StringComparison.Ordinal);
            await using (TestSpool spool = TestSpool.Open(new DiskStorage(), folder))
            {
                Assert.Equal($"spool {folder} is in use: stop the relay first", Assert.Throws<IOException>(() => SpoolInspector.Open(folder, alone: true)).Message);
                SpoolInspector.Open(folder, alone: false).Dispose();
            }

            using SpoolInspector after = SpoolInspector.Open(folder, alone: true);
            Assert.Equal(0, after.Verify(static p => Assert.Fail(p)).Messages);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private SpoolVerdict Verify(out string[] problems)
    {
        using SpoolInspector inspector = SpoolInspector.Open(new SpoolFiles(_disk, "/spool", Durability.Sync), alone: true);
        var told = new List<string>();
        SpoolVerdict verdict = inspector.Verify(told.Add);
        problems = [.. told];
        Assert.Equal(problems.Length, verdict.Problems);
        return verdict;
    }

    private byte[]? Export(QueueId id)
    {
        using SpoolInspector inspector = SpoolInspector.Open(new SpoolFiles(_disk, "/spool", Durability.Sync), alone: false);
        var into = new MemoryStream();
        return inspector.TryExport(id, () => into) ? into.ToArray() : null;
    }

    /// <summary>Several segments; of what was stored three messages are left: a small one, a large one, and one of two recipients of which one is delivered.</summary>
    private async Task FillAsync()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        _stored.Add(await spool.Store(TestSpool.Body(1, 3000)));
        _stored.Add(await spool.Store(TestSpool.Body(2, 300_000)));
        _stored.Add(await spool.Store(TestSpool.Body(3, 3000), TestSpool.Envelope("a@example.net", "b@example.net")));
        for (int i = 0; i < 12; i++)
        {
            spool.Settle(await spool.Store(TestSpool.Body(i, 12_000)));
        }

        spool.Settle(_stored[2]);
    }
}

using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Relay.Protocol.Message;
using Relay.Telemetry;

namespace Relay.Tests.Telemetry;

public sealed class DeliveryLogTests : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("relay-deliveries-").FullName;
    private readonly FakeTimeProvider _time = new();
    private readonly RelayMetrics _metrics = new();
    private readonly CounterReader _counters;

    public DeliveryLogTests() => _counters = new CounterReader(_metrics.Meter);

    private string LogFile => Path.Combine(_folder, "deliveries.jsonl");

    public ValueTask DisposeAsync()
    {
        _counters.Dispose();
        _metrics.Dispose();
        Directory.Delete(_folder, true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Records_are_in_the_file_after_a_second()
    {
        await using DeliveryLog log = Open();
        Write(log, 1);
        Write(log, 2);
        _time.Advance(TimeSpan.FromSeconds(1));
        await UntilAsync(() => Ids(LogFile) is ["1", "2"]);
    }

    [Fact]
    public async Task Many_records_do_not_wait_for_the_second()
    {
        await using DeliveryLog log = Open();
        for (ulong i = 0; i < 1000; i++)
        {
            Write(log, i);
        }

        await UntilAsync(() => File.Exists(LogFile) && new FileInfo(LogFile).Length >= DeliveryLog.FlushBytes);
    }

    [Fact]
    public async Task Disposing_writes_what_is_left()
    {
        await using (DeliveryLog log = Open())
        {
            Write(log, 1);
        }

        Assert.Equal(["1"], Ids(LogFile));
    }

    [Fact]
    public async Task An_existing_file_is_continued()
    {
        await File.WriteAllTextAsync(LogFile, "{\"id\":\"0000000000009\"}\n");
        await using (DeliveryLog log = Open())
        {
            Write(log, 1);
        }

        Assert.Equal(["9", "1"], Ids(LogFile));
    }

    [Fact]
    public async Task After_a_rotation_the_old_file_keeps_what_came_before_and_a_new_one_is_made()
    {
        string old = LogFile + ".1";
        await using (DeliveryLog log = Open())
        {
            Write(log, 1);
            _time.Advance(TimeSpan.FromSeconds(1));
            await UntilAsync(() => Ids(LogFile) is ["1"]);
            File.Move(LogFile, old);
            Write(log, 2);
            log.Reopen();
            for (ulong id = 3; !File.Exists(LogFile); id++)
            {
                Write(log, id);
                _time.Advance(TimeSpan.FromSeconds(1));
                await Task.Yield();
            }
        }

        string[] before = Ids(old);
        Assert.Equal(["1", "2"], before[..2]);
        string[] all = [.. before, .. Ids(LogFile)];
        Assert.Equal(all.Length, all.Distinct().Count());
    }

    [Fact]
    public async Task A_rotation_by_copy_and_truncate_leaves_no_hole()
    {
        await using DeliveryLog log = Open();
        Write(log, 1);
        _time.Advance(TimeSpan.FromSeconds(1));
        await UntilAsync(() => Ids(LogFile) is ["1"]);
        await using (var file = new FileStream(LogFile, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(0);
        }

        Write(log, 2);
        _time.Advance(TimeSpan.FromSeconds(1));
        await UntilAsync(() => Ids(LogFile) is ["2"]);
    }

    [Fact]
    public async Task A_failing_file_is_counted_and_what_waits_is_written_when_it_is_back()
    {
        Directory.CreateDirectory(LogFile);
        await using DeliveryLog log = Open();
        Write(log, 1);
        _time.Advance(TimeSpan.FromSeconds(1));
        await UntilAsync(() => _counters["relay.delivery_log.errors"] == 1);
        Write(log, 2);
        Directory.Delete(LogFile);
        _time.Advance(TimeSpan.FromSeconds(1));
        await UntilAsync(() => Ids(LogFile) is ["1", "2"]);
        Assert.Equal(0, _counters["relay.delivery_log.dropped"]);
    }

    [Fact]
    public async Task Beyond_its_bound_records_are_dropped_and_counted_and_the_rest_is_whole()
    {
        Directory.CreateDirectory(LogFile);
        byte[] to = new byte[60_000];
        Array.Fill(to, (byte)'x');
        int written = 2 * DeliveryLog.MaximumBytes / to.Length;
        await using (DeliveryLog log = Open())
        {
            for (int i = 0; i < written; i++)
            {
                log.Write(new DeliveryRecord { Time = _time.GetUtcNow(), Id = new QueueId(1), Event = DeliveryEvent.Received }, default, to);
            }

            Directory.Delete(LogFile);
        }

        long dropped = (long)_counters["relay.delivery_log.dropped"];
        Assert.InRange(dropped, written / 3, written * 2 / 3);
        Assert.InRange(new FileInfo(LogFile).Length, DeliveryLog.MaximumBytes - 2 * to.Length, DeliveryLog.MaximumBytes);
        Assert.Equal(written - dropped, Ids(LogFile).Length);
    }

    [Fact]
    public async Task Many_threads_write_whole_lines()
    {
        await using (DeliveryLog log = Open())
        {
            Parallel.For(0, 5000, i => Write(log, (ulong)i % 30));
        }

        Assert.Equal(5000, Ids(LogFile).Length);
    }

    [Fact]
    public async Task The_path_can_be_set_changed_and_taken_away_while_it_runs()
    {
        string other = LogFile + ".other";
        await using (var log = new DeliveryLog(null, _time, NullLogger.Instance, _metrics))
        {
            Write(log, 1);
            log.Reopen(LogFile);
            Write(log, 2);
            _time.Advance(TimeSpan.FromSeconds(1));
            await UntilAsync(() => Ids(LogFile) is ["2"]);
            log.Reopen(other);
            for (ulong id = 3; !File.Exists(other); id++)
            {
                Write(log, id);
                _time.Advance(TimeSpan.FromSeconds(1));
                await Task.Yield();
            }

            log.Reopen(null);
            Write(log, 1);
        }

        string[] all = [.. Ids(LogFile), .. Ids(other)];
        Assert.DoesNotContain("1", all);
        Assert.Equal(all.Length, all.Distinct().Count());
        Assert.NotEmpty(Ids(other));
    }

    [Fact]
    public async Task Without_a_path_nothing_is_written()
    {
        await using (var log = new DeliveryLog(null, _time, NullLogger.Instance, _metrics))
        {
            Write(log, 1);
            log.Reopen();
        }

        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    private static void Write(DeliveryLog log, ulong id) =>
        log.Write(new DeliveryRecord { Time = DateTimeOffset.UnixEpoch, Id = new QueueId(id), Event = DeliveryEvent.Delivered }, "a@example.org"u8, "b@example.net"u8);

    /// <summary>The ids of the lines in the file; each line must be JSON.</summary>
    private static string[] Ids(string file)
    {
        if (!File.Exists(file))
        {
            return [];
        }

        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        string text = reader.ReadToEnd();
        return [.. text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Id)];
    }

    private static string Id(string line)
    {
        using JsonDocument json = JsonDocument.Parse(line);
        string id = json.RootElement.GetProperty("id").GetString()!.TrimStart('0');
        return id.Length == 0 ? "0" : id;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!condition())
        {
            timeout.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private DeliveryLog Open() => new(LogFile, _time, NullLogger.Instance, _metrics);
}

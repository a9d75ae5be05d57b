using System.Globalization;
using System.Text;
using Relay.Protocol.Message;
using Relay.Telemetry;

namespace Relay.Tests.Telemetry;

/// <summary>A message's lines are found in a log of any length, with little read.</summary>
public sealed class DeliveryLogReaderTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("relay-trace-").FullName;

    private string Log => Path.Combine(_folder, "deliveries.jsonl");

    [Fact]
    public async Task Every_message_of_a_long_log_is_found_whole_and_in_order()
    {
        const int Messages = 20_000;
        Write(Log, Enumerable.Range(0, Messages).SelectMany(static i => Story(i)));
        var random = new Random(5);

        foreach (int i in (IEnumerable<int>)[0, 1, Messages - 1, .. Enumerable.Range(0, 300).Select(_ => random.Next(Messages))])
        {
            DeliveryTrace trace = await ReadAsync(i);
            Assert.Equal(Story(i).Select(static l => l.Line), trace.Events);
            Assert.True(trace.IsComplete);
        }
    }

    [Fact]
    public async Task Lines_that_lag_behind_their_time_lead_no_search_astray()
    {
        var lines = Enumerable.Range(0, 5000).SelectMany(static i => Story(i)).OrderBy(static l => l.Time).ToList();
        // Every tenth line was written ten minutes late: each of them says less than what stands before it.
        var late = lines.Select(static (l, i) => (l.Line, Written: l.Time + (i % 10 == 0 ? TimeSpan.FromMinutes(10) : TimeSpan.Zero))).OrderBy(static l => l.Written);
        await File.WriteAllLinesAsync(Log, late.Select(static l => l.Line), TestContext.Current.CancellationToken);

        for (int i = 0; i < 5000; i += 97)
        {
            Assert.Equal(Story(i).Select(static l => l.Line).Order(StringComparer.Ordinal), (await ReadAsync(i, Waiting("nobody@nowhere.example", 0))).Events.Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task What_was_rotated_away_between_arrival_and_delivery_is_found()
    {
        List<(DateTimeOffset Time, string Line)> lines = [.. Enumerable.Range(0, 6000).SelectMany(static i => Story(i)).OrderBy(static l => l.Time)];
        Write(Log + ".2", lines.Take(5000));
        Write(Log + "-20261124", lines.Skip(5000).Take(5000));
        Write(Log, lines.Skip(10_000));
        Write(Log + ".3.gz", [(Start, "not to be read")]);
        Write(Path.Combine(_folder, "deliveries.jsonlx"), lines);
        await File.WriteAllTextAsync(Log + ".empty", "", TestContext.Current.CancellationToken);

        for (int i = 0; i < 6000; i += 53)
        {
            DeliveryTrace trace = await ReadAsync(i);
            Assert.Equal(Story(i).Select(static l => l.Line), trace.Events);
            Assert.True(trace.IsComplete);
        }
    }

    [Fact]
    public async Task An_id_in_another_message_s_reply_is_not_that_message_and_half_a_line_is_none()
    {
        string id = Id(7).ToString();
        string whole = Line(Start.AddSeconds(1), 7, "received", "x@b.example");
        await File.WriteAllLinesAsync(
            Log,
            [
                Line(Start, 3, "delivered", "a@b.example", $",\"reply\":{{\"text\":\"queued as {id}, \\\"id\\\":\\\"{id}\"}}"),
                whole[..60],
                whole,
            ], TestContext.Current.CancellationToken);

        DeliveryTrace trace = await DeliveryLogReader.ReadAsync(Log, Id(7), Start, null, CancellationToken.None);

        Assert.Equal(whole, Assert.Single(trace.Events));
        Assert.True(trace.IsComplete);
    }

    [Fact]
    public async Task A_message_put_off_for_hours_in_a_huge_log_is_followed_to_its_announced_attempts()
    {
        // Between arrival and second attempt stands more than is read at first.
        string filler = Line(Start, 1, "delivered", "other@b.example", ",\"reply\":{\"text\":\"" + new string('x', 900) + "\"}");
        string[] own =
        [
            Line(Start, 5, "received", "x@b.example"),
            Line(Start.AddSeconds(1), 5, "deferred", "x@b.example", $",\"next_attempt\":\"{Text(Start.AddHours(4))}\""),
            Line(Start.AddHours(4).AddSeconds(1), 5, "delivered", "x@b.example"),
        ];
        await using (var log = new StreamWriter(Log))
        {
            await log.WriteAsync(own[0] + "\n" + own[1] + "\n");
            for (int i = 1; i < 120_000; i++)
            {
                await log.WriteAsync(filler.Replace(Text(Start), Text(Start.AddSeconds(i / 4.0)), StringComparison.Ordinal) + "\n");
                await log.WriteAsync(i == 4 * ((4 * 3600) + 1) ? own[2] + "\n" : "");
            }
        }

        Assert.True(new FileInfo(Log).Length > 100_000_000);
        DeliveryTrace ended = await DeliveryLogReader.ReadAsync(Log, Id(5), Start, null, CancellationToken.None);
        DeliveryTrace waits = await DeliveryLogReader.ReadAsync(Log, Id(5), Start, Waiting("x@b.example", 1), CancellationToken.None);

        Assert.Equal(own, ended.Events);
        Assert.False(ended.IsComplete);
        Assert.Equal(own[..2], waits.Events);
        Assert.True(waits.IsComplete);
    }

    [Fact]
    public async Task Without_a_log_nothing_is_found()
    {
        DeliveryTrace trace = await DeliveryLogReader.ReadAsync(Log, Id(5), Start, null, CancellationToken.None);

        Assert.Empty(trace.Events);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static Dictionary<string, int> Waiting(string address, int attempts) => new() { [address] = attempts };

    private static QueueId Id(int i) => new((ulong)(Start.AddMilliseconds(i * 100).ToUnixTimeMilliseconds() << 20) + (ulong)i);

    private static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static string Line(DateTimeOffset time, int i, string happened, string to, string more = "") => $"{{\"time\":\"{Text(time)}\",\"id\":\"{Id(i)}\",\"event\":\"{happened}\",\"to\":\"{to}\"{more}}}";

    /// <summary>Two recipients, of which one is put off at first for some minutes.</summary>
    private static List<(DateTimeOffset Time, string Line)> Story(int i)
    {
        DateTimeOffset arrived = Start.AddMilliseconds(i * 100);
        return
        [
            (arrived, Line(arrived, i, "received", "x@b.example")),
            (arrived, Line(arrived, i, "received", "y@b.example")),
            (arrived.AddMilliseconds(300), Line(arrived.AddMilliseconds(300), i, "delivered", "x@b.example")),
            (arrived.AddMilliseconds(400), Line(arrived.AddMilliseconds(400), i, "deferred", "y@b.example", $",\"next_attempt\":\"{Text(arrived.AddMinutes(5))}\"")),
            (arrived.AddMinutes(5), Line(arrived.AddMinutes(5), i, "delivered", "y@b.example")),
        ];
    }

    private static void Write(string path, IEnumerable<(DateTimeOffset Time, string Line)> lines) =>
        File.WriteAllText(path, string.Concat(lines.OrderBy(static l => l.Time).Select(static l => l.Line + "\n")), new UTF8Encoding(false));

    private Task<DeliveryTrace> ReadAsync(int i, Dictionary<string, int>? waiting = null) => DeliveryLogReader.ReadAsync(Log, Id(i), Start.AddMilliseconds(i * 100), waiting, CancellationToken.None);
}

using System.Text.Json;
using System.Xml;
using HdrHistogram;
using SmtpBlaster.Ledgers;
using SmtpBlaster.Net;
using SmtpBlaster.Report;

namespace SmtpBlaster.Tests.Report;

public sealed class ReportTests
{
    private static readonly RunReport Full = Make();

    [Fact]
    public void The_json_is_valid_and_has_the_figures()
    {
        using var json = JsonDocument.Parse(JsonReport.Write(Full));
        JsonElement root = json.RootElement;
        Assert.Equal(1000, root.GetProperty("messages").GetInt64());
        Assert.Equal(500, root.GetProperty("messages_per_second").GetDouble());
        JsonElement latency = root.GetProperty("latency").GetProperty("latency");
        // To three digits.
        Assert.InRange(latency.GetProperty("p50_us").GetInt64(), 500, 501);
        Assert.InRange(latency.GetProperty("p99_9_us").GetInt64(), 999, 1000);
        Assert.InRange(latency.GetProperty("max_us").GetInt64(), 1000, 1001);
        Assert.False(root.GetProperty("ledger").GetProperty("clean").GetBoolean());
        Assert.Equal(2, root.GetProperty("timeline").GetArrayLength());
        Assert.Equal("no <such> \"user\"", root.GetProperty("replies")[0].GetProperty("example").GetString());
        Assert.Equal(4000, root.GetProperty("cpu").GetProperty("cpu_us").GetDouble());
    }

    [Fact]
    public void The_page_is_well_formed_has_its_plots_and_loads_nothing()
    {
        string page = HtmlReport.Write(Full);
        var document = new XmlDocument { XmlResolver = null };
        document.LoadXml(page.Replace("<!DOCTYPE html>\n", "", StringComparison.Ordinal));
        Assert.Equal(3, document.GetElementsByTagName("svg").Count);
        Assert.Equal(2 + 5 + 1, document.GetElementsByTagName("polyline").Count);
        Assert.Empty(document.GetElementsByTagName("script"));
        foreach (string outside in new[] { "src=", "href=", "url(", "@import", "http" })
        {
            Assert.DoesNotContain(outside, page, StringComparison.OrdinalIgnoreCase);
        }

        Assert.Contains("no &lt;such&gt;", page, StringComparison.Ordinal);
        Assert.Contains("Lost or altered mail", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_report_of_nothing_is_valid_too()
    {
        var empty = new RunReport { Title = "source", Started = DateTimeOffset.UnixEpoch, Elapsed = 0, Latencies = [new("latency", Latency.Create())] };
        JsonDocument.Parse(JsonReport.Write(empty)).Dispose();
        var document = new XmlDocument { XmlResolver = null };
        document.LoadXml(HtmlReport.Write(empty).Replace("<!DOCTYPE html>\n", "", StringComparison.Ordinal));
        Assert.DoesNotContain("NaN", HtmlReport.Write(empty), StringComparison.Ordinal);
        Assert.StartsWith("source: 0 messages", TextReport.Write(empty), StringComparison.Ordinal);
    }

    [Fact]
    public void The_text_says_what_was_refused_and_what_was_lost()
    {
        string text = TextReport.Write(Full);
        Assert.Contains("source rcpt 550: 3 times, like \"no <such> \"user\"\"", text, StringComparison.Ordinal);
        Assert.Contains("1 lost (numbers 1)", text, StringComparison.Ordinal);
        Assert.Contains("p50 500 us", text, StringComparison.Ordinal);
    }

    [Fact]
    public void An_interval_becomes_a_point_when_all_loops_have_told_of_it()
    {
        var timeline = new Timeline(2, Clock.Second, null);
        LongHistogram some = Latency.Create();
        Latency.RecordMicros(some, 100);
        timeline.Publish(0, 10, 1, some, Clock.Second);
        Assert.Empty(timeline.Points);
        timeline.Publish(1, 1, 0, Latency.Create(), Clock.Second);
        timeline.Publish(0, 20, 2, some, Clock.Second);
        TimelinePoint point = Assert.Single(timeline.Points);
        Assert.Equal((30, 3, 30, 100), (point.Messages, point.Failed, point.Rate, point.P50));
        timeline.End();
        Assert.Equal(2, timeline.Points.Count);
        Assert.Equal(2, timeline.Total.TotalCount);
    }

    [Fact]
    public void Latencies_of_the_warm_up_are_points_and_not_in_the_sum()
    {
        var timeline = new Timeline(1, Clock.Second, null) { WarmUp = 3 * Clock.Second / 2 };
        foreach (long micros in new long[] { 9000, 8000, 100 })
        {
            LongHistogram some = Latency.Create();
            Latency.RecordMicros(some, micros);
            timeline.Publish(timeline.Points.Count, 1, 0, some, Clock.Second);
        }

        Assert.Equal([9000L, 8000L, 100L], timeline.Points.Select(static p => p.P50 / 100 * 100));
        Assert.Equal((1, 100), (timeline.Total.TotalCount, Latency.At(timeline.Total, 100)));
    }

    [Fact]
    public void A_long_run_has_a_bounded_number_of_points_and_all_of_its_messages()
    {
        var timeline = new Timeline(1, Clock.Second, null);
        LongHistogram empty = Latency.Create();
        for (int i = 0; i < 1500; i++)
        {
            timeline.Publish(i, 7, 0, empty, Clock.Second);
        }

        Assert.InRange(timeline.Points.Count, 600, Timeline.MostPoints);
        Assert.Equal(1500 * 7, timeline.Points.Sum(static p => p.Messages));
        Assert.All(timeline.Points, static p => Assert.Equal(7, p.Rate, 6));
    }

    private static RunReport Make()
    {
        LongHistogram latency = Latency.Create();
        for (int micros = 1; micros <= 1000; micros++)
        {
            Latency.RecordMicros(latency, micros);
        }

        return new RunReport
        {
            Title = "run",
            Started = DateTimeOffset.UnixEpoch,
            Elapsed = 2 * Clock.Second,
            Messages = 1000,
            Octets = 4_096_000,
            Settings = [new("target", "127.0.0.1:25")],
            Counts = [new("acknowledged", 1000)],
            Latencies = [new("latency", latency)],
            Replies = [new("source", new ReplyCount(Stage.Rcpt, 550, 3, "no <such> \"user\""))],
            Troubles = [new("connect: refused", 2)],
            Remarks = ["the server doesn't offer CHUNKING"],
            Points = [new(0, 1, 400, 0, 1, 2, 3, 4, 5), new(1, 1, 600, 3, 10, 20, 30, 40, 50)],
            Ledger = new LedgerSummary(3, 3, 2, 1, 0, 0, 0, 0, 0, [1]),
            Cpu = [new("cpu", 4000)],
        };
    }
}

using System.Globalization;
using System.Net;
using System.Text;
using HdrHistogram;

namespace SmtpBlaster.Report;

/// <summary>A report as one page: tables, and plots as inline SVG. It loads nothing and has no script. All text that came from a server is encoded.</summary>
internal static class HtmlReport
{
    private const string Style = """
        :root { color-scheme: light dark; --ink: #1c2127; --soft: #6b7480; --grid: #dde1e6; --page: #fff; --bad: #b3261e; --good: #1b7f4d;
          --c0: #0b6fb8; --c1: #2a9d8f; --c2: #d98e04; --c3: #c8553d; --c4: #7b4fa3; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #98a2ad; --grid: #333a42; --page: #15181c; --bad: #ff8a80; --good: #6fd6a2;
          --c0: #5cb3f0; --c1: #5fd0c2; --c2: #f0b84a; --c3: #f08a72; --c4: #b891e0; } }
        body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } .sub { color: var(--soft); margin: .25rem 0 1.5rem; }
        .tiles { display: flex; flex-wrap: wrap; gap: 1.5rem 2.5rem; } .tiles div { min-width: 7rem; } .tiles b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; } .tiles span { color: var(--soft); }
        .bad { color: var(--bad); font-weight: 600; } .good { color: var(--good); font-weight: 600; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; } th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--grid); vertical-align: top; overflow-wrap: anywhere; }
        th { color: var(--soft); font-weight: 500; } td.n, th.n { text-align: right; white-space: nowrap; }
        figure { margin: 1rem 0 2rem; } figcaption { font-weight: 600; margin-bottom: .25rem; } svg { width: 100%; height: auto; }
        .grid { stroke: var(--grid); } text { fill: var(--soft); font-size: 12px; } text.y { text-anchor: end; } text.x { text-anchor: middle; }
        polyline { fill: none; stroke-width: 2; stroke-linejoin: round; } .c0 { stroke: var(--c0); color: var(--c0); } .c1 { stroke: var(--c1); color: var(--c1); } .c2 { stroke: var(--c2); color: var(--c2); }
        .c3 { stroke: var(--c3); color: var(--c3); } .c4 { stroke: var(--c4); color: var(--c4); }
        .key { list-style: none; display: flex; flex-wrap: wrap; gap: 1rem; padding: 0 0 0 5rem; margin: 0; } .key li::before { content: "\2014\00a0"; font-weight: 700; }
        """;

    // Equal steps: each has a tenth of the messages of the one before.
    private static readonly double[] Percentiles = [0, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.975, 99.99, 99.999, 99.9999];

    public static string Write(RunReport report)
    {
        var page = new StringBuilder();
        page.Append("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width\"/>")
            .Append("<title>smtp-blaster ").Append(Text(report.Title)).Append("</title><style>").Append(Style).Append("</style></head>\n<body>\n");
        page.Append("<h1>smtp-blaster ").Append(Text(report.Title)).Append("</h1>");
        Add(page, $"<p class=\"sub\">{report.Started:yyyy-MM-dd HH:mm:ss} UTC, {report.Seconds:0.00} s</p>\n<div class=\"tiles\">");
        Tile(page, FormattableString.Invariant($"{report.Messages:#,0}"), "messages");
        Tile(page, FormattableString.Invariant($"{report.Rate:#,0.0}"), "messages a second");
        Tile(page, FormattableString.Invariant($"{report.Octets / 1e6 / Math.Max(report.Seconds, 1e-9):#,0.00}"), "MB a second");
        if (report.Latencies.Count > 0)
        {
            Tile(page, TextReport.Duration(Latency.At(report.Latencies[0].Value, 50)), "p50 " + report.Latencies[0].Key);
            Tile(page, TextReport.Duration(Latency.At(report.Latencies[0].Value, 99)), "p99 " + report.Latencies[0].Key);
        }

        page.Append("</div>\n");
        if (report.Ledger is { } ledger)
        {
            Add(page, $"<h2>Ledger</h2><p class=\"{(ledger.IsClean ? "good" : "bad")}\">{(ledger.IsClean ? "Nothing lost, nothing altered" : "Lost or altered mail")}</p><p>{Text(TextReport.Sentence(ledger))}</p>\n");
        }

        AddPlots(page, report);
        AddTables(page, report);
        return page.Append("</body></html>\n").ToString();
    }

    private static void AddPlots(StringBuilder page, RunReport report)
    {
        if (report.Points.Count > 1)
        {
            var rate = new Plot("Messages a second", "seconds", false, static v => v.ToString("0.###", CultureInfo.InvariantCulture));
            rate.Add("messages", Over(report.Points, static p => p.Rate));
            rate.Add("failed", Over(report.Points, static p => p.Length <= 0 ? 0 : p.Failed / p.Length));
            page.Append(rate.Write());
            // Where nothing came there is no latency.
            TimelinePoint[] busy = [.. report.Points.Where(static p => p.P50 > 0)];
            var time = new Plot("Latency percentiles", "seconds", true, TextReport.Duration);
            time.Add("p50", Over(busy, static p => p.P50));
            time.Add("p90", Over(busy, static p => p.P90));
            time.Add("p99", Over(busy, static p => p.P99));
            time.Add("p99.9", Over(busy, static p => p.P999));
            time.Add("max", Over(busy, static p => p.Max));
            page.Append(time.Write());
        }

        var distribution = new Plot("Latency distribution", "percentile", true, TextReport.Duration)
        {
            Marks = [.. new[] { 0, 50, 90, 99, 99.9, 99.99, 99.999, 99.9999 }.Select(static p => (Nines(p), FormattableString.Invariant($"{p}%")))],
        };
        foreach ((string name, LongHistogram latency) in report.Latencies)
        {
            if (latency.TotalCount > 0)
            {
                // Beyond the last message there is nothing to tell.
                distribution.Add(name, [.. Percentiles.Where(p => (1 - (p / 100)) * latency.TotalCount >= 0.5).Select(p => (Nines(p), (double)Latency.At(latency, p)))]);
            }
        }

        page.Append(distribution.Write());
    }

    private static void AddTables(StringBuilder page, RunReport report)
    {
        page.Append("<h2>Latency</h2><table><tr><th></th><th class=\"n\">count</th><th class=\"n\">p50</th><th class=\"n\">p90</th><th class=\"n\">p99</th><th class=\"n\">p99.9</th><th class=\"n\">max</th></tr>\n");
        foreach ((string name, LongHistogram latency) in report.Latencies)
        {
            Add(page, $"<tr><td>{Text(name)}</td><td class=\"n\">{latency.TotalCount:#,0}</td>");
            foreach (double percentile in new[] { 50, 90, 99, 99.9, 100 })
            {
                Add(page, $"<td class=\"n\">{TextReport.Duration(Latency.At(latency, percentile))}</td>");
            }

            page.Append("</tr>\n");
        }

        page.Append("</table>\n<h2>Counts</h2><table>\n");
        foreach ((string name, long count) in report.Counts)
        {
            Add(page, $"<tr><td>{Text(name)}</td><td class=\"n\">{count:#,0}</td></tr>\n");
        }

        foreach ((string name, double micros) in report.Cpu)
        {
            Add(page, $"<tr><td>{Text(name)}</td><td class=\"n\">{micros / Math.Max(1, report.Messages):0.0} us a message</td></tr>\n");
        }

        page.Append("</table>\n<h2>Replies</h2><table><tr><th>by</th><th>stage</th><th>code</th><th class=\"n\">count</th><th>one of them</th></tr>\n");
        foreach ((string side, ReplyCount reply) in report.Replies)
        {
            Add(page, $"<tr><td>{Text(side)}</td><td>{reply.Stage.ToString().ToLowerInvariant()}</td><td class=\"{(reply.Code >= 400 ? "bad" : "")}\">{reply.Code}</td><td class=\"n\">{reply.Count:#,0}</td><td>{Text(reply.Example ?? "")}</td></tr>\n");
        }

        page.Append("</table>\n");
        if (report.Troubles.Count + report.Remarks.Count > 0)
        {
            page.Append("<h2>Troubles</h2><table>\n");
            foreach ((string what, long count) in report.Troubles)
            {
                Add(page, $"<tr><td>{Text(what)}</td><td class=\"n\">{count:#,0}</td></tr>\n");
            }

            foreach (string remark in report.Remarks)
            {
                Add(page, $"<tr><td colspan=\"2\">{Text(remark)}</td></tr>\n");
            }

            page.Append("</table>\n");
        }

        page.Append("<h2>Settings</h2><table>\n");
        foreach ((string name, string value) in report.Settings)
        {
            Add(page, $"<tr><td>{Text(name)}</td><td>{Text(value)}</td></tr>\n");
        }

        page.Append("</table>\n");
    }

    /// <summary>0 for 0 %, 1 for 90 %, 2 for 99 %, and so on.</summary>
    private static double Nines(double percentile) => -Math.Log10(1 - (percentile / 100));

    private static (double, double)[] Over(IReadOnlyList<TimelinePoint> points, Func<TimelinePoint, double> value) => [.. points.Select(p => (p.Start + p.Length, value(p)))];

    private static void Tile(StringBuilder page, string value, string name) => page.Append("<div><b>").Append(Text(value)).Append("</b><span>").Append(Text(name)).Append("</span></div>");

    private static void Add(StringBuilder page, FormattableString text) => page.Append(FormattableString.Invariant(text));

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}

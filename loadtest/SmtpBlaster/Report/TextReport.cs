using System.Globalization;
using System.Text;
using HdrHistogram;
using SmtpBlaster.Ledgers;

namespace SmtpBlaster.Report;

/// <summary>A report for people who read a terminal.</summary>
internal static class TextReport
{
    public static string Write(RunReport report)
    {
        var text = new StringBuilder();
        Line(text, $"{report.Title}: {report.Messages} messages in {report.Seconds:0.000} s, {report.Rate:0.0} messages/s, {report.Octets / 1e6 / Math.Max(report.Seconds, 1e-9):0.00} MB/s");
        foreach ((string name, long count) in report.Counts)
        {
            Line(text, $"  {name,-26} {count,12}");
        }

        foreach ((string name, LongHistogram l) in report.Latencies)
        {
            if (l.TotalCount > 0)
            {
                Line(text, $"  {name,-26} p50 {Time(l, 50)}  p90 {Time(l, 90)}  p99 {Time(l, 99)}  p99.9 {Time(l, 99.9)}  max {Time(l, 100)}");
            }
        }

        foreach ((string name, double micros) in report.Cpu)
        {
            Line(text, $"  {name,-26} {micros / Math.Max(1, report.Messages),12:0.0} us a message");
        }

        foreach ((string side, ReplyCount reply) in report.Replies)
        {
            if (reply.Code >= 400)
            {
                Line(text, $"  {side} {reply.Stage.ToString().ToLowerInvariant()} {reply.Code}: {reply.Count} times, like \"{reply.Example}\"");
            }
        }

        foreach ((string what, long count) in report.Troubles)
        {
            Line(text, $"  {what}: {count} times");
        }

        foreach (string remark in report.Remarks)
        {
            Line(text, $"  {remark}");
        }

        if (report.Ledger is { } ledger)
        {
            Line(text, $"  ledger: {Sentence(ledger)}");
        }

        return text.ToString();
    }

    /// <summary>The ledger in one line.</summary>
    public static string Sentence(LedgerSummary ledger)
    {
        string lost = ledger.LostNumbers.Count == 0 ? "" : $" (numbers {string.Join(", ", ledger.LostNumbers)}{(ledger.Lost > ledger.LostNumbers.Count ? ", …" : "")})";
        return string.Create(CultureInfo.InvariantCulture,
            $"{ledger.Sent} sent, {ledger.Acknowledged} acknowledged, {ledger.Arrived} arrived, {ledger.Lost} lost{lost}, {ledger.Duplicated} duplicated ({ledger.Copies} copies), {ledger.Altered} altered, {ledger.Ghosts} ghosts{(ledger.Untracked > 0 ? $", {ledger.Untracked} untracked" : "")}");
    }

    /// <summary>Microseconds in the unit that suits them.</summary>
    public static string Duration(double micros) => micros switch
    {
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{micros:0} us"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{micros / 1000:0.00} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{micros / 1_000_000:0.00} s"),
    };

    private static string Time(LongHistogram latency, double percentile) => Duration(Latency.At(latency, percentile));

    private static void Line(StringBuilder text, FormattableString line) => text.Append(FormattableString.Invariant(line)).Append('\n');
}

using System.Text.Encodings.Web;
using System.Text.Json;
using HdrHistogram;
using SmtpBlaster.Ledgers;

namespace SmtpBlaster.Report;

/// <summary>A report for programs: one JSON object. Durations in microseconds where the name ends with _us, else in seconds.</summary>
internal static class JsonReport
{
    public static byte[] Write(RunReport report)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            Write(json, report);
        }

        memory.WriteByte((byte)'\n');
        return memory.ToArray();
    }

    private static void Write(Utf8JsonWriter json, RunReport report)
    {
        json.WriteStartObject();
        json.WriteString("title", report.Title);
        json.WriteString("started", report.Started);
        json.WriteNumber("seconds", report.Seconds);
        json.WriteNumber("messages", report.Messages);
        json.WriteNumber("messages_per_second", report.Rate);
        if (report.Arrival is { } arrival)
        {
            json.WriteNumber("seconds_until_arrived", arrival.TotalSeconds);
        }

        json.WriteNumber("octets", report.Octets);
        json.WriteStartObject("settings");
        foreach ((string name, string value) in report.Settings)
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
        Numbers(json, "counts", report.Counts);
        json.WriteStartObject("latency");
        foreach ((string name, LongHistogram latency) in report.Latencies)
        {
            json.WriteStartObject(Key(name));
            json.WriteNumber("count", latency.TotalCount);
            json.WriteNumber("mean_us", latency.TotalCount == 0 ? 0 : Math.Round(latency.GetMean(), 1));
            json.WriteNumber("p50_us", Latency.At(latency, 50));
            json.WriteNumber("p90_us", Latency.At(latency, 90));
            json.WriteNumber("p99_us", Latency.At(latency, 99));
            json.WriteNumber("p99_9_us", Latency.At(latency, 99.9));
            json.WriteNumber("max_us", Latency.At(latency, 100));
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteStartObject("cpu");
        foreach ((string name, double micros) in report.Cpu)
        {
            json.WriteNumber(Key(name) + "_us", Math.Round(micros));
            json.WriteNumber(Key(name) + "_us_per_message", Math.Round(micros / Math.Max(1, report.Messages), 2));
        }

        json.WriteEndObject();
        json.WriteStartArray("replies");
        foreach ((string side, ReplyCount reply) in report.Replies)
        {
            json.WriteStartObject();
            json.WriteString("side", side);
            json.WriteString("stage", reply.Stage.ToString().ToLowerInvariant());
            json.WriteNumber("code", reply.Code);
            json.WriteNumber("count", reply.Count);
            if (reply.Example is { } example)
            {
                json.WriteString("example", example);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        Numbers(json, "troubles", report.Troubles);
        json.WriteStartArray("remarks");
        foreach (string remark in report.Remarks)
        {
            json.WriteStringValue(remark);
        }

        json.WriteEndArray();
        if (report.Ledger is { } ledger)
        {
            WriteLedger(json, ledger);
        }

        json.WriteStartArray("timeline");
        foreach (TimelinePoint point in report.Points)
        {
            json.WriteStartObject();
            json.WriteNumber("start", point.Start);
            json.WriteNumber("seconds", point.Length);
            json.WriteNumber("messages", point.Messages);
            json.WriteNumber("failed", point.Failed);
            json.WriteNumber("p50_us", point.P50);
            json.WriteNumber("p90_us", point.P90);
            json.WriteNumber("p99_us", point.P99);
            json.WriteNumber("p99_9_us", point.P999);
            json.WriteNumber("max_us", point.Max);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteLedger(Utf8JsonWriter json, LedgerSummary ledger)
    {
        json.WriteStartObject("ledger");
        json.WriteBoolean("clean", ledger.IsClean);
        json.WriteNumber("sent", ledger.Sent);
        json.WriteNumber("acknowledged", ledger.Acknowledged);
        json.WriteNumber("arrived", ledger.Arrived);
        json.WriteNumber("lost", ledger.Lost);
        json.WriteNumber("duplicated", ledger.Duplicated);
        json.WriteNumber("copies", ledger.Copies);
        json.WriteNumber("altered", ledger.Altered);
        json.WriteNumber("ghosts", ledger.Ghosts);
        json.WriteNumber("untracked", ledger.Untracked);
        json.WriteStartArray("lost_numbers");
        foreach (long number in ledger.LostNumbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Numbers(Utf8JsonWriter json, string name, IReadOnlyList<KeyValuePair<string, long>> numbers)
    {
        json.WriteStartObject(name);
        foreach ((string key, long value) in numbers)
        {
            json.WriteNumber(name == "counts" ? Key(key) : key, value);
        }

        json.WriteEndObject();
    }

    private static string Key(string name) => name.Replace(' ', '_');
}

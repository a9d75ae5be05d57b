using System.Text;
using System.Text.Json;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>Reads deliveries.jsonl while the relay writes it: whole lines only. A line that is no JSON object with the promised members fails the test.</summary>
internal sealed class DeliveryLog(string path)
{
    public string Path => path;

    public IReadOnlyList<DeliveryRecord> Read()
    {
        if (!File.Exists(path))
        {
            return [];
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file, Encoding.UTF8);
        string text = reader.ReadToEnd();
        return [.. text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse)];
    }

    /// <summary>What became of the first attempt for each recipients' domain, reports left out.</summary>
    public Dictionary<string, DeliveryRecord> FirstByDomain() =>
        Read().Where(static r => r.Event != "received" && r.From.Length > 0).GroupBy(static r => r.To.Split('@')[1]).ToDictionary(static g => g.Key, static g => g.First());

    /// <summary>Waits for a record; its event and what else identifies it are up to the caller.</summary>
    public Task<DeliveryRecord> FindAsync(Func<DeliveryRecord, bool> wanted, string what, TimeSpan? within = null) => Eventually.Value(
        () => Read().FirstOrDefault(wanted),
        () => $"deliveries.jsonl: {what}\n{string.Join('\n', Read().TakeLast(10).Select(record => record.Line))}",
        within);

    private static DeliveryRecord Parse(string line)
    {
        using var document = JsonDocument.Parse(line);
        JsonElement json = document.RootElement.Clone();
        return new DeliveryRecord(Text(json, "id"), Text(json, "event"), Text(json, "from"), Text(json, "to"), json, line);
    }

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString() ?? "";
}

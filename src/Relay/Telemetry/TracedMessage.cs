using System.Text;
using System.Text.Json;

namespace Relay.Telemetry;

/// <summary>
/// What was found of a message in the delivery log so far, and whether more is to be looked for. <paramref name="waiting"/>: its recipients with the attempts that each has had, int.MaxValue for one that has come to its end; null
/// when that isn't known. One thread.
/// </summary>
internal sealed class TracedMessage(IReadOnlyDictionary<string, int>? waiting)
{
    private readonly Dictionary<string, Recipient> _recipients = [];

    public List<string> Events { get; } = [];

    /// <summary>All that happened to the message is there: each recipient has come to its end, or waits after as many attempts as were found.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>When a recipient that was put off is tried again, the earliest such time; null when none is known to be.</summary>
    public DateTimeOffset? Next => _recipients.Values.Where(static r => !r.HasEnded).Min(static r => r.Next);

    public void Add(ReadOnlySpan<byte> line)
    {
        string text = Encoding.UTF8.GetString(line);
        try
        {
            using JsonDocument json = JsonDocument.Parse(text);
            JsonElement root = json.RootElement;
            string address = root.GetProperty("to").GetString() ?? "";
            string happened = root.GetProperty("event").GetString() ?? "";
            Events.Add(text);
            Recipient recipient = _recipients.TryGetValue(address, out Recipient? known) ? known : _recipients[address] = new Recipient();
            recipient.Attempts += happened == "deferred" ? 1 : 0;
            recipient.HasEnded |= happened is "delivered" or "bounced" or "expired" or "dropped";
            recipient.Next = root.TryGetProperty("next_attempt", out JsonElement next) && next.TryGetDateTimeOffset(out DateTimeOffset time) ? time : null;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // Half a line, after the disk was full: nothing is known from it.
        }

        // All recipients were written down as received before anything else happened to one of them.
        IsWhole = _recipients.Count > 0 && (waiting is null || waiting.Keys.All(_recipients.ContainsKey)) && _recipients.All(r => r.Value.HasEnded || (waiting?.TryGetValue(r.Key, out int attempts) == true && r.Value.Attempts >= attempts));
    }

    private sealed class Recipient
    {
        public int Attempts { get; set; }

        public bool HasEnded { get; set; }

        public DateTimeOffset? Next { get; set; }
    }
}

using System.Text.Json;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// Counts what a relay's delivery log says in a long run, and keeps none of it: the log is put aside under another name now and then, as logrotate does, counted once the relay writes the new one, and deleted. Used by one
/// thread at a time.
/// </summary>
internal sealed class DeliveryTally(RelayProcess relay, Func<string, bool> isTroubled)
{
    private readonly Dictionary<string, long> _events = [];
    private readonly LogHistogram _well = new();
    private readonly LogHistogram _troubled = new();
    private readonly Queue<string> _aside = new();
    private int _turn;

    /// <summary>How long delivered mail took from its 250, in milliseconds, where its domain had no trouble.</summary>
    public LogHistogram Well => _well;

    public LogHistogram Troubled => _troubled;

    /// <summary>Lines that are no record: a kill may leave one, half.</summary>
    public int Torn { get; private set; }

    public int Rotations => _turn;

    public long Count(string happened) => _events.GetValueOrDefault(happened);

    /// <summary>Renames the log, once there is one, and has the relay begin another. A relay that was started with SIGHUP ignored, as by nohup, never does.</summary>
    public async Task RotateAsync()
    {
        if (!File.Exists(relay.Deliveries.Path))
        {
            return;
        }

        string aside = $"{relay.Deliveries.Path}.{++_turn}";
        File.Move(relay.Deliveries.Path, aside);
        _aside.Enqueue(aside);
        await relay.HangUpAsync();
        await Eventually.True(() => File.Exists(relay.Deliveries.Path), "a new delivery log");
    }

    /// <summary>Counts what was put aside, but for the last, to which the relay may still write.</summary>
    public void CountAside(bool all = false)
    {
        while (_aside.Count > (all ? 0 : 1))
        {
            CountFile(_aside.Dequeue());
        }
    }

    /// <summary>After the relay has ended: the rest.</summary>
    public void CountRest()
    {
        CountAside(all: true);
        CountFile(relay.Deliveries.Path);
    }

    private void CountFile(string path)
    {
        foreach (string line in File.ReadLines(path))
        {
            try
            {
                using var record = JsonDocument.Parse(line);
                string happened = record.RootElement.GetProperty("event").GetString()!;
                _events[happened] = Count(happened) + 1;
                if (happened == "delivered")
                {
                    string to = record.RootElement.GetProperty("to").GetString()!;
                    (isTroubled(to[(to.LastIndexOf('@') + 1)..]) ? _troubled : _well).Add(record.RootElement.GetProperty("delay_ms").GetInt64());
                }
            }
            catch (JsonException)
            {
                Torn++;
            }
        }

        File.Delete(path);
    }
}

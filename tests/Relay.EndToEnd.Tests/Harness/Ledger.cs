using System.Collections.Concurrent;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// What was promised against what came: messages sent, acknowledged and arrived, by id and SHA-256. "Sent" is written before the end of data, "acknowledged" after the whole
/// 250 was read, so that a crash in between can only make a ghost (arrived without a promise), never a false loss. Safe on any thread.
/// </summary>
internal sealed class Ledger
{
    private readonly ConcurrentDictionary<string, string> _sent = new();
    private readonly ConcurrentDictionary<string, bool> _acknowledged = new();

    public int Acknowledged => _acknowledged.Count;

    /// <summary>The ids of all that is acknowledged by now.</summary>
    public IReadOnlySet<string> AcknowledgedIds() => _acknowledged.Keys.ToHashSet(StringComparer.Ordinal);

    /// <summary>Whether a message with this id and hash was sent.</summary>
    public bool WasSent(string id, string hash) => _sent.TryGetValue(id, out string? sent) && sent == hash;

    public void Sent(TestMessage message) => _sent[message.Id] = message.Hash;

    public void Acknowledge(TestMessage message) => _acknowledged[message.Id] = true;

    /// <summary>Whether everything promised is among the arrived.</summary>
    public bool IsComplete(IEnumerable<ArrivedMessage> arrived) => Missing(arrived) == 0;

    public int Missing(IEnumerable<ArrivedMessage> arrived) => Missing(arrived.Select(IdOf));

    public int Missing(IEnumerable<Receipt> arrived) => Missing(arrived.Select(receipt => receipt.Id));

    public LedgerSummary Summarise(IEnumerable<ArrivedMessage> arrived) => Summarise(arrived.Select(Receipt.Of));

    public LedgerSummary Summarise(IEnumerable<Receipt> arrived)
    {
        List<IGrouping<string, Receipt>> byId = [.. arrived.GroupBy(receipt => receipt.Id)];
        return new LedgerSummary(
            Acknowledged,
            byId.Count,
            Missing(byId.Select(copies => copies.Key)),
            byId.Sum(copies => copies.Count() - 1),
            byId.Select(copies => copies.Count()).DefaultIfEmpty().Max(),
            byId.Sum(copies => copies.Count(copy => !WasSent(copy.Id, copy.Hash))),
            byId.Count(copies => !_acknowledged.ContainsKey(copies.Key)));
    }

    public static string IdOf(ArrivedMessage message) => message.Header(TestMessage.IdHeader) ?? "";

    private int Missing(IEnumerable<string> arrived)
    {
        HashSet<string> ids = [.. arrived];
        return _acknowledged.Keys.Count(id => !ids.Contains(id));
    }
}

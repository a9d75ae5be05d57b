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

    public void Sent(TestMessage message) => _sent[message.Id] = message.Hash;

    public void Acknowledge(TestMessage message) => _acknowledged[message.Id] = true;

    /// <summary>Whether everything promised is among the arrived.</summary>
    public bool IsComplete(IEnumerable<ArrivedMessage> arrived) => Missing(arrived) == 0;

    public int Missing(IEnumerable<ArrivedMessage> arrived)
    {
        HashSet<string> ids = [.. arrived.Select(IdOf)];
        return _acknowledged.Keys.Count(id => !ids.Contains(id));
    }

    public LedgerSummary Summarise(IReadOnlyList<ArrivedMessage> arrived)
    {
        List<IGrouping<string, ArrivedMessage>> byId = [.. arrived.GroupBy(IdOf)];
        return new LedgerSummary(
            Acknowledged,
            byId.Count,
            Missing(arrived),
            byId.Sum(copies => copies.Count() - 1),
            byId.Select(copies => copies.Count()).DefaultIfEmpty().Max(),
            arrived.Count(message => !_sent.TryGetValue(IdOf(message), out string? hash) || hash != TestMessage.HashOf(message.Original)),
            byId.Count(copies => !_acknowledged.ContainsKey(copies.Key)));
    }

    public static string IdOf(ArrivedMessage message) => message.Header(TestMessage.IdHeader) ?? "";
}

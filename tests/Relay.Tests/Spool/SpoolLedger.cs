using Relay.Protocol.Message;
using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>What the outside world knows.</summary>
internal sealed class SpoolLedger
{
    private readonly Lock _gate = new();
    private Dictionary<QueueId, byte[]> _sent = [];
    private Dictionary<QueueId, HashSet<int>> _owed = [];
    private HashSet<(QueueId, int)> _settled = [];

    public void Sent(QueueId id, byte[] body) => Locked(() => _sent.Add(id, body));

    public void Acknowledged(SpooledMessage message) => Locked(() => _owed.Add(message.Id, [.. Enumerable.Range(0, message.Envelope.RecipientCount)]));

    public void Settling(QueueId id, int recipient) => Locked(() => _owed[id].Remove(recipient));

    public void Settled(QueueId id, int recipient) => Locked(() => _settled.Add((id, recipient)));

    public SpoolLedger Copy()
    {
        lock (_gate)
        {
            return new SpoolLedger
            {
                _sent = new(_sent),
                _owed = _owed.ToDictionary(o => o.Key, o => new HashSet<int>(o.Value)),
                _settled = [.. _settled],
            };
        }
    }

    /// <summary>Compares, then takes what was found as the new truth: a ghost is there to stay.</summary>
    public void Check(TestSpool spool)
    {
        // Read before the lock is taken: a disk that is cut meanwhile asks for a copy of this with its own lock held, and reading wants that one.
        List<(RecoveredMessage Message, byte[] Body)> read = [.. spool.Recovered.Select(m => (m, spool.Read(m.Message)))];
        Dictionary<QueueId, RecoveredMessage> found = read.ToDictionary(static r => r.Message.Message.Id, static r => r.Message);
        lock (_gate)
        {
            foreach ((QueueId id, HashSet<int> recipients) in _owed.Where(o => o.Value.Count > 0))
            {
                Assert.True(found.ContainsKey(id), $"{id} was acknowledged and is lost");
                Assert.Subset(found[id].Pending.Select(p => p.Recipient).ToHashSet(), recipients);
            }

            foreach ((RecoveredMessage message, byte[] content) in read)
            {
                Assert.True(_sent.TryGetValue(message.Message.Id, out byte[]? body), $"{message.Message.Id} was never sent");
                Assert.Equal(body, content);
                Assert.DoesNotContain(message.Pending, p => _settled.Contains((message.Message.Id, p.Recipient)));
            }

            _owed = found.ToDictionary(f => f.Key, f => f.Value.Pending.Select(p => p.Recipient).ToHashSet());
        }
    }

    private void Locked(Action action)
    {
        lock (_gate)
        {
            action();
        }
    }
}

using Relay.Protocol.Message;
using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>
/// What a spool without a disk would know: for every message that is not certainly gone, its body, and of each recipient what was said last and what of it is certainly durable. What lies between the two,
/// a power cut may take or leave. For any thread; calls no disk, so that a disk may ask for a <see cref="Copy"/> in the middle of a call.
/// </summary>
internal sealed class SpoolModel
{
    private readonly Lock _gate = new();
    private readonly Dictionary<QueueId, Entry> _messages = [];
    private List<(QueueId Id, int Recipient, Said Said)> _sinceFlush = [];

    public int Count => Locked(() => _messages.Count);

    /// <summary>The time that goes with a number of attempts, so that one can be told from the other.</summary>
    public static DateTimeOffset Next(QueueId id, int attempts) => DateTimeOffset.UnixEpoch.AddSeconds(((id.GetHashCode() & 0xFFFF) * 100) + attempts);

    public void Sent(QueueId id, byte[] body, int recipients) => Locked(() => _messages.TryAdd(id, new Entry(body, false, new Said[recipients], new Said[recipients])));

    /// <summary>From now on it must be there. One that was parked may have been given back, and be gone, before its answer came.</summary>
    public void Acknowledged(QueueId id) => Locked(() => _messages.TryGetValue(id, out Entry? entry) && (_messages[id] = entry with { IsAcknowledged = true }).IsAcknowledged);

    public int Attempts(QueueId id, int recipient) => Locked(() => _messages[id].Last[recipient].Attempts);

    public bool IsFinal(QueueId id, int recipient) => Locked(() => _messages[id].Last[recipient].IsFinal);

    /// <summary>Says something of recipients: before the spool is told it may be so, after a flush that began later it is.</summary>
    public void Say(QueueId id, IReadOnlyList<int> recipients, Func<Said, Said> becomes, Action tell)
    {
        Locked(() => recipients.Select(r => _messages[id].Last[r] = becomes(_messages[id].Last[r])).ToList());
        tell();
        Locked(() =>
        {
            _sinceFlush.AddRange(recipients.Select(r => (id, r, _messages[id].Last[r])));
            return true;
        });
    }

    /// <summary>Runs a flush; when it succeeds, all that the spool was told before is durable.</summary>
    public async Task FlushAsync(Func<ValueTask> flush)
    {
        List<(QueueId, int, Said)> told = Locked(() =>
        {
            (List<(QueueId, int, Said)> all, _sinceFlush) = (_sinceFlush, []);
            return all;
        });
        await flush();
        Locked(() =>
        {
            foreach ((QueueId id, int recipient, Said said) in told)
            {
                if (_messages.TryGetValue(id, out Entry? entry))
                {
                    entry.Durable[recipient] = entry.Durable[recipient].And(said);
                    if (entry.Durable.All(static d => d.IsFinal))
                    {
                        // Never to be seen again.
                        _messages.Remove(id);
                    }
                }
            }

            return true;
        });
    }

    public SpoolModel Copy()
    {
        var copy = new SpoolModel();
        Locked(() =>
        {
            foreach ((QueueId id, Entry entry) in _messages)
            {
                copy._messages.Add(id, entry with { Last = [.. entry.Last], Durable = [.. entry.Durable] });
            }

            return true;
        });
        return copy;
    }

    /// <summary>Compares with all that a restart found, which is the truth from then on.</summary>
    public void Check(TestSpool spool)
    {
        Dictionary<QueueId, RecoveredMessage> found = spool.Recovered.ToDictionary(static m => m.Message.Id);
        foreach ((QueueId id, Entry entry) in _messages.ToList())
        {
            if (found.TryGetValue(id, out RecoveredMessage? message))
            {
                Assert.Equal(entry.Body, spool.Read(message.Message));
                CheckRecipients(id, entry, message.Pending.ToDictionary(static p => p.Recipient));
                continue;
            }

            Assert.True(!entry.IsAcknowledged || entry.Last.All(static l => l.IsFinal), $"{id} was acknowledged and is lost");
            _messages.Remove(id);
        }

        Assert.All(found.Keys, id => Assert.True(_messages.ContainsKey(id), $"{id} is gone, durably, and was found"));
    }

    /// <summary>Compares with a message that is given out, of which nothing has been said since it was checked or stored.</summary>
    public void CheckGiven(RecoveredMessage message, byte[] body)
    {
        Entry? entry = Locked(() => _messages.GetValueOrDefault(message.Message.Id));
        Assert.True(entry is not null, $"{message.Message.Id} is gone, durably, and was given out");
        Assert.Equal(entry.Body, body);
        Assert.Equal(
            entry.Last.Index().Where(static l => !l.Item.IsFinal).Select(static l => (l.Index, l.Item.Attempts)),
            message.Pending.Select(static p => (p.Recipient, p.Attempts)));
    }

    private static void CheckRecipients(QueueId id, Entry entry, Dictionary<int, PendingRecipient> pending)
    {
        for (int r = 0; r < entry.Last.Length; r++)
        {
            if (pending.TryGetValue(r, out PendingRecipient found))
            {
                Assert.False(entry.Durable[r].IsFinal, $"{id}: recipient {r} was settled, durably, and is back");
                Assert.InRange(found.Attempts, entry.Durable[r].Attempts, entry.Last[r].Attempts);
                Assert.True(found.Attempts == 0 || found.NextAttempt == Next(id, found.Attempts), $"{id}: recipient {r} has the time of another deferral");
            }
            else
            {
                Assert.True(!entry.IsAcknowledged || entry.Last[r].IsFinal, $"{id}: recipient {r} was never settled and is lost");
            }

            entry.Last[r] = entry.Durable[r] = new Said(found.Attempts, !pending.ContainsKey(r));
        }
    }

    private T Locked<T>(Func<T> action)
    {
        lock (_gate)
        {
            return action();
        }
    }

    /// <summary>What is said of a recipient.</summary>
    internal readonly record struct Said(int Attempts, bool IsFinal)
    {
        public Said And(Said other) => new(Math.Max(Attempts, other.Attempts), IsFinal || other.IsFinal);
    }

    private sealed record Entry(byte[] Body, bool IsAcknowledged, Said[] Last, Said[] Durable);
}

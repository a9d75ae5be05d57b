using System.Collections.Concurrent;

namespace Relay.Flow.Policy;

/// <summary>
/// Counts connections, in all and for each client address and network, against limits given at each call, so that a reload applies at once. Two counts, because who a client is may only be known
/// after it has connected. The table holds only those that are connected now. Any thread; each true owes one leaving.
/// </summary>
internal sealed class ConnectionLimit
{
    private readonly ConcurrentDictionary<ClientKey, int> _byClient = new();
    private int _total;

    public bool TryEnter(int limit)
    {
        if (Interlocked.Increment(ref _total) > limit)
        {
            Leave();
            return false;
        }

        return true;
    }

    public void Leave() => Interlocked.Decrement(ref _total);

    /// <summary>An address, or a network.</summary>
    public bool TryEnter(ClientKey client, int limit)
    {
        if (_byClient.AddOrUpdate(client, 1, static (_, n) => n + 1) > limit)
        {
            Leave(client);
            return false;
        }

        return true;
    }

    public void Leave(ClientKey client)
    {
        while (_byClient.TryGetValue(client, out int n))
        {
            // Compare and swap, so that an address is forgotten exactly when its last connection has gone.
            bool done = n == 1
                ? _byClient.TryRemove(KeyValuePair.Create(client, n))
                : _byClient.TryUpdate(client, n - 1, n);
            if (done)
            {
                return;
            }
        }
    }
}

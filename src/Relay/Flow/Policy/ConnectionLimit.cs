using System.Collections.Concurrent;
using System.Net;

namespace Relay.Flow.Policy;

/// <summary>
/// Counts connections, in all and for each client address, against limits given at each call, so that a reload applies at once. Two counts, because who a client is may only be known
/// after it has connected. The table holds only addresses that are connected now. Any thread; each true owes one leaving.
/// </summary>
internal sealed class ConnectionLimit
{
    private readonly ConcurrentDictionary<IPAddress, int> _byAddress = new();
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

    public bool TryEnter(IPAddress client, int limit)
    {
        if (_byAddress.AddOrUpdate(client, 1, static (_, n) => n + 1) > limit)
        {
            Leave(client);
            return false;
        }

        return true;
    }

    public void Leave(IPAddress client)
    {
        while (_byAddress.TryGetValue(client, out int n))
        {
            // Compare and swap, so that an address is forgotten exactly when its last connection has gone.
            bool done = n == 1
                ? _byAddress.TryRemove(KeyValuePair.Create(client, n))
                : _byAddress.TryUpdate(client, n - 1, n);
            if (done)
            {
                return;
            }
        }
    }
}

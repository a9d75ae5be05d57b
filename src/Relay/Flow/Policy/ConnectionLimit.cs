using System.Collections.Concurrent;
using System.Net;

namespace Relay.Flow.Policy;

/// <summary>
/// Counts connections, in all and for each client address, against limits given at each call, so that a reload applies at once.
/// The table holds only addresses that are connected now. Any thread; each true of <see cref="TryEnter"/> owes one <see cref="Leave"/>.
/// </summary>
internal sealed class ConnectionLimit
{
    private readonly ConcurrentDictionary<IPAddress, int> _byAddress = new();
    private int _total;

    public bool TryEnter(IPAddress client, int limit, int limitPerAddress)
    {
        if (Interlocked.Increment(ref _total) > limit)
        {
            Interlocked.Decrement(ref _total);
            return false;
        }

        if (_byAddress.AddOrUpdate(client, 1, static (_, n) => n + 1) > limitPerAddress)
        {
            Leave(client);
            return false;
        }

        return true;
    }

    public void Leave(IPAddress client)
    {
        Interlocked.Decrement(ref _total);
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

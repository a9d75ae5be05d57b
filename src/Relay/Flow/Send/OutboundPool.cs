using Relay.Concurrency;
using Relay.Telemetry;

namespace Relay.Flow.Send;

/// <summary>
/// Idle connections, kept a short while for the next message to the same place. Limited by time and by number, in all and for one key; the youngest is handed out first, so that the others
/// grow old and go. Any thread; a connection has one owner at each moment: the pool, or whoever took it.
/// </summary>
internal sealed class OutboundPool : IAsyncDisposable
{
    /// <summary>Long enough for the pauses of a steady flow, short enough not to sit on somebody's server.</summary>
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(10);

    /// <summary>
    /// By time and not by a count of messages: with a count, the slowest of several servers collects most of the connections. Postfix's
    /// smtp_connection_reuse_time_limit.
    /// </summary>
    private static readonly TimeSpan LifeLimit = TimeSpan.FromSeconds(300);

    private const int MaximumIdle = 1000;

    /// <summary>A burst to one place is over when so many of its connections have nothing to do.</summary>
    private const int MaximumIdlePerKey = 50;

    private readonly Lock _lock = new();
    private readonly Dictionary<ConnectionKey, List<OutboundConnection>> _idle = [];
    private readonly TimeProvider _time;
    private readonly RelayMetrics _metrics;
    private readonly Deadline _sweep;
    private int _count;
    private bool _disposed;

    public OutboundPool(Heartbeat heartbeat, TimeProvider time, RelayMetrics metrics)
    {
        _time = time;
        _metrics = metrics;
        _sweep = heartbeat.Register(Sweep);
        _sweep.Set(TimeSpan.FromSeconds(1));
    }

    /// <summary>Whether a connection has been in use long enough, or for as many messages as its server takes: its user lets it go between two messages.</summary>
    public bool IsOld(OutboundConnection connection) => connection.IsSpent || _time.GetElapsedTime(connection.Opened) >= LifeLimit;

    /// <summary>An idle connection that is alive, to any of these: the addresses of one host, say. Null when there is none.</summary>
    public async ValueTask<OutboundConnection?> TakeAsync(IReadOnlyList<ConnectionKey> keys)
    {
        for (int i = 0; i < keys.Count; i++)
        {
            if (await TakeAsync(keys[i]).ConfigureAwait(false) is { } connection)
            {
                return connection;
            }
        }

        return null;
    }

    /// <summary>An idle connection that is alive, or null.</summary>
    public async ValueTask<OutboundConnection?> TakeAsync(ConnectionKey key)
    {
        while (true)
        {
            OutboundConnection connection;
            lock (_lock)
            {
                if (!_idle.TryGetValue(key, out List<OutboundConnection>? idle))
                {
                    return null;
                }

                connection = idle[^1];
                Remove(connection, idle, idle.Count - 1);
            }

            if (await connection.EndWatchAsync().ConfigureAwait(false))
            {
                _metrics.OutboundReused();
                return connection;
            }

            await CloseAsync(connection, "lost").ConfigureAwait(false);
        }
    }

    /// <summary>Takes a connection over: keeps it, or closes it when it is broken, old or one too many.</summary>
    public async ValueTask ReturnAsync(OutboundConnection connection)
    {
        string reason = !connection.IsUsable ? "broken" : IsOld(connection) ? "old" : "";
        if (reason.Length == 0)
        {
            lock (_lock)
            {
                reason = TryKeep(connection);
            }
        }

        if (reason.Length > 0)
        {
            await CloseAsync(connection, reason).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _sweep.Dispose();
        List<OutboundConnection> all;
        lock (_lock)
        {
            _disposed = true;
            all = [.. _idle.Values.SelectMany(static c => c)];
            _idle.Clear();
            _count = 0;
        }

        await Task.WhenAll(all.Select(c => CloseIdleAsync(c, "stopping"))).ConfigureAwait(false);
    }

    /// <summary>Under the lock. Empty when it is kept; otherwise why not.</summary>
    private string TryKeep(OutboundConnection connection)
    {
        if (_disposed)
        {
            return "stopping";
        }

        if (!_idle.TryGetValue(connection.Key, out List<OutboundConnection>? idle))
        {
            idle = [];
        }

        if (_count >= MaximumIdle || idle.Count >= MaximumIdlePerKey)
        {
            return "full";
        }

        if (idle.Count == 0)
        {
            _idle.Add(connection.Key, idle);
        }

        connection.IdleSince = _time.GetTimestamp();
        idle.Add(connection);
        _count++;
        // Inside the lock: nobody may take it before the watch has begun. It never blocks.
        connection.BeginWatch(OnDied);
        return "";
    }

    private async ValueTask CloseAsync(OutboundConnection connection, string reason)
    {
        try
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _metrics.OutboundClosed(reason);
        }
    }

    private void Remove(OutboundConnection connection, List<OutboundConnection> idle, int index)
    {
        idle.RemoveAt(index);
        _count--;
        if (idle.Count == 0)
        {
            _idle.Remove(connection.Key);
        }
    }

    private bool TryRemove(OutboundConnection connection)
    {
        lock (_lock)
        {
            if (_idle.TryGetValue(connection.Key, out List<OutboundConnection>? idle) && idle.IndexOf(connection) is >= 0 and int index)
            {
                Remove(connection, idle, index);
                return true;
            }

            return false;
        }
    }

    /// <summary>On the watch's thread. Whoever took the connection a moment before closes it itself.</summary>
    private void OnDied(OutboundConnection connection) => ThreadPool.UnsafeQueueUserWorkItem(static state =>
    {
        if (state.Pool.TryRemove(state.Connection))
        {
            _ = state.Pool.CloseAsync(state.Connection, "lost").AsTask();
        }
    }, (Pool: this, Connection: connection), preferLocal: true);

    /// <summary>Heartbeat's thread: those idle too long go.</summary>
    private void Sweep()
    {
        _sweep.Set(TimeSpan.FromSeconds(1));
        List<OutboundConnection>? old = null;
        lock (_lock)
        {
            foreach (List<OutboundConnection> idle in _idle.Values)
            {
                foreach (OutboundConnection connection in idle)
                {
                    if (_time.GetElapsedTime(connection.IdleSince) >= IdleLimit)
                    {
                        (old ??= []).Add(connection);
                    }
                }
            }

            foreach (OutboundConnection connection in old ?? [])
            {
                List<OutboundConnection> idle = _idle[connection.Key];
                Remove(connection, idle, idle.IndexOf(connection));
            }
        }

        foreach (OutboundConnection connection in old ?? [])
        {
            _ = CloseIdleAsync(connection, "idle");
        }
    }

    private async Task CloseIdleAsync(OutboundConnection connection, string reason)
    {
        await connection.EndWatchAsync().ConfigureAwait(false);
        await CloseAsync(connection, reason).ConfigureAwait(false);
    }
}

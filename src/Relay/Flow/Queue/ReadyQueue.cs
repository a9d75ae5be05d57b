using System.Collections.Concurrent;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Queue;

/// <summary>
/// The messages that may go to one destination now, and the workers that send them. Filled from any thread, emptied by its workers, without a lock.
/// Its limit of workers grows with success and falls back with failure, so that a destination that answers nobody can't hold many of them.
/// </summary>
internal sealed class ReadyQueue(string name, RouteOptions? route)
{
    /// <summary>A destination that has not answered yet gets few connections (Postfix's initial_destination_concurrency)…</summary>
    private const int InitialWorkers = 5;

    /// <summary>…and one that answers as many as Postfix's default_destination_concurrency_limit.</summary>
    private const int MaximumWorkers = 20;

    /// <summary>Another connection is worth its handshakes when each of those there are has so many messages waiting.</summary>
    private const int MessagesPerWorker = 4;

    /// <summary>The value of <see cref="_held"/> once the queue has been taken out of use.</summary>
    private const int Retired = int.MinValue;

    private readonly ConcurrentQueue<QueuedMessage> _ready = new();
    private int _workers;
    private int _limit = InitialWorkers;
    private int _held;
    private Suspension? _suspension;

    /// <summary>The recipients' domain, or the next hop of a route.</summary>
    public string Name { get; } = name;

    /// <summary>Null: by MX.</summary>
    public RouteOptions? Route { get; } = route;

    public int Count => _ready.Count;

    /// <summary>Whether a message may be added; each true owes one <see cref="Release"/>. False when the queue has been retired meanwhile: look it up again.</summary>
    public bool TryHold()
    {
        int held = Volatile.Read(ref _held);
        while (held >= 0)
        {
            int seen = Interlocked.CompareExchange(ref _held, held + 1, held);
            if (seen == held)
            {
                return true;
            }

            held = seen;
        }

        return false;
    }

    /// <summary>A message of this queue was settled or has moved elsewhere.</summary>
    public void Release() => Interlocked.Decrement(ref _held);

    /// <summary>Takes the queue out of use when nothing refers to it. True once.</summary>
    public bool TryRetire() => Interlocked.CompareExchange(ref _held, Retired, 0) == 0;

    public void Enqueue(QueuedMessage message) => _ready.Enqueue(message);

    public bool TryDequeue(out QueuedMessage? message) => _ready.TryDequeue(out message);

    /// <summary>Whether the caller shall start another worker. Each true owes one <see cref="EndWorker"/>. <paramref name="waited"/>: messages have waited, so that one more is wanted even for few.</summary>
    public bool TryBeginWorker(bool waited = false)
    {
        int workers = Volatile.Read(ref _workers);
        while (true)
        {
            int ready = _ready.Count;
            bool wanted = ready > 0 && (workers == 0 || (workers < Volatile.Read(ref _limit) && (waited || ready > workers * MessagesPerWorker)));
            if (!wanted)
            {
                return false;
            }

            int seen = Interlocked.CompareExchange(ref _workers, workers + 1, workers);
            if (seen == workers)
            {
                return true;
            }

            workers = seen;
        }
    }

    /// <summary>A worker stops. The caller asks <see cref="TryBeginWorker"/> once more: a message may have come between its last look and this.</summary>
    public void EndWorker() => Interlocked.Decrement(ref _workers);

    public void Succeeded()
    {
        int limit = Volatile.Read(ref _limit);
        if (limit < MaximumWorkers)
        {
            Volatile.Write(ref _limit, limit + 1);
        }

        if (Volatile.Read(ref _suspension) is not null)
        {
            Volatile.Write(ref _suspension, null);
        }
    }

    /// <summary>No server of the destination could be used: until <paramref name="until"/> its messages are put off for the same reason, without a try of their own.</summary>
    public void Suspend(PeerReply reason, DateTimeOffset until)
    {
        Volatile.Write(ref _limit, InitialWorkers);
        Volatile.Write(ref _suspension, new Suspension(reason, until));
    }

    public bool IsSuspended(DateTimeOffset now, out PeerReply reason)
    {
        Suspension? suspension = Volatile.Read(ref _suspension);
        reason = suspension?.Reason ?? default;
        return suspension is not null && now < suspension.Until;
    }

    private sealed record Suspension(PeerReply Reason, DateTimeOffset Until);
}

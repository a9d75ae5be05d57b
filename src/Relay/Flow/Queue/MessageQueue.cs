using System.Collections.Concurrent;
using System.Text;
using Relay.Spool;

namespace Relay.Flow.Queue;

/// <summary>
/// All undelivered mail, in memory, by destination: scheduled until its time has come, then ready. Holds references only; the spool holds the mail.
/// <see cref="Enqueue"/> and <see cref="Retry"/> are safe on any thread and never wait; what becomes ready is announced to the given dispatcher.
/// </summary>
internal sealed class MessageQueue
{
    /// <summary>Arrays 0..n-1 for messages whose recipients all go to one place, which are most: shared, because nobody writes to them.</summary>
    private static readonly ushort[][] FirstRecipients = [.. Enumerable.Range(0, QueuedMessage.MaximumRecipients + 1).Select(n => Enumerable.Range(0, n).Select(i => (ushort)i).ToArray())];

    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, ReadyQueue> _destinations = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<RouteOptions, ReadyQueue> _routed = new(new SameWay());
    private readonly ConcurrentDictionary<string, ReadyQueue>.AlternateLookup<ReadOnlySpan<char>> _byDomain;
    private readonly ScheduledQueue _scheduled;
    private readonly TimeProvider _time;
    private readonly Action<ReadyQueue> _dispatch;
    private DestinationOf _routeOf;
    private long _nextSweep;

    /// <summary><paramref name="dispatch"/> is called when a destination has work and wants a worker (<see cref="ReadyQueue.TryBeginWorker"/> was true). It must not block.</summary>
    public MessageQueue(TimeProvider time, DestinationOf routeOf, Action<ReadyQueue> dispatch)
    {
        _time = time;
        _routeOf = routeOf;
        _dispatch = dispatch;
        _scheduled = new ScheduledQueue(time);
        _byDomain = _destinations.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Messages (a message counts once for each destination) that wait, whether ready or not.</summary>
    public long Depth
    {
        get
        {
            long depth = _scheduled.Count;
            foreach (ReadyQueue queue in _destinations.Values)
            {
                depth += queue.Count;
            }

            foreach (ReadyQueue queue in _routed.Values)
            {
                depth += queue.Count;
            }

            return depth;
        }
    }

    /// <summary>New routes hold for what is queued or put off from now on.</summary>
    public void Apply(DestinationOf routeOf) => Volatile.Write(ref _routeOf, routeOf);

    /// <summary>The loop that brings scheduled messages back; runs until stopped.</summary>
    public Task RunAsync(CancellationToken stop) => _scheduled.RunAsync(Ready, OnBeat, stop);

    /// <summary>A message that is durable and new: it is ready at each of its destinations, or when its sender said so (RFC 4865).</summary>
    public void Enqueue(SpooledMessage message)
    {
        DateTimeOffset release = message.Envelope.ReleaseAt ?? default;
        if (message.Envelope.RecipientCount == 1)
        {
            Return(new QueuedMessage(message, FirstRecipients[1], Hold(message.Envelope.Recipient(0))) { NextAttempt = release });
            return;
        }

        Put(message, Enumerable.Range(0, message.Envelope.RecipientCount).Select(static i => (ushort)i), 0, release);
    }

    /// <summary>A message found again at start, with what is left of it.</summary>
    public void Recover(RecoveredMessage recovered)
    {
        foreach (IGrouping<(int Attempts, DateTimeOffset Next), PendingRecipient> same in recovered.Pending.GroupBy(p => (p.Attempts, p.NextAttempt)))
        {
            DateTimeOffset release = recovered.Message.Envelope.ReleaseAt ?? default;
            Put(recovered.Message, same.Select(static p => (ushort)p.Recipient), same.Key.Attempts, same.Key.Next > release ? same.Key.Next : release);
        }
    }

    /// <summary>What is left of a message after an attempt: the given recipients, to be ready at <paramref name="next"/>. By the routes as they are now, which may part them.</summary>
    public void Retry(QueuedMessage message, ushort[] recipients, int attempts, DateTimeOffset next)
    {
        if (recipients.Length == 1)
        {
            Return(new QueuedMessage(message.Message, recipients, Hold(message.Message.Envelope.Recipient(recipients[0]))) { Attempts = attempts, NextAttempt = next });
            return;
        }

        Put(message.Message, recipients, attempts, next);
    }

    private void Return(QueuedMessage message)
    {
        if (message.NextAttempt <= _time.GetUtcNow())
        {
            Ready(message);
        }
        else
        {
            _scheduled.Add(message);
        }
    }

    private void Ready(QueuedMessage message)
    {
        ReadyQueue destination = message.Destination;
        destination.Enqueue(message);
        if (destination.TryBeginWorker())
        {
            _dispatch(destination);
        }
    }

    /// <summary>Once a second: destinations whose messages wait get another worker, and those nothing refers to are forgotten.</summary>
    private void OnBeat()
    {
        long now = _time.GetTimestamp();
        if (now < _nextSweep)
        {
            return;
        }

        _nextSweep = now + (long)(SweepInterval.TotalSeconds * _time.TimestampFrequency);
        DateTimeOffset clock = _time.GetUtcNow();
        foreach (ReadyQueue queue in _destinations.Values)
        {
            Sweep(queue, clock);
        }

        foreach (ReadyQueue queue in _routed.Values)
        {
            Sweep(queue, clock);
        }
    }

    private void Sweep(ReadyQueue queue, DateTimeOffset clock)
    {
        if (queue.TryBeginWorker(waited: true))
        {
            _dispatch(queue);
        }
        else if (!queue.IsSuspended(clock, out _) && queue.TryRetire())
        {
            Forget(queue);
        }
    }

    private void Forget(ReadyQueue queue)
    {
        if (queue.Route is { } route)
        {
            _routed.TryRemove(KeyValuePair.Create(route, queue));
        }
        else
        {
            _destinations.TryRemove(KeyValuePair.Create(queue.Name, queue));
        }
    }

    /// <summary>Parts recipients of a message by destination and into transactions, and queues each part.</summary>
    private void Put(SpooledMessage message, IEnumerable<ushort> recipients, int attempts, DateTimeOffset next)
    {
        // Held for each recipient while they are parted: no destination is retired meanwhile.
        var parts = recipients.GroupBy(r => Hold(message.Envelope.Recipient(r))).Select(static g => (Destination: g.Key, Recipients: g.ToArray())).ToList();
        foreach ((ReadyQueue destination, ushort[] all) in parts)
        {
            int spare = all.Length;
            foreach (ushort[] chunk in all.Chunk(QueuedMessage.MaximumRecipients))
            {
                spare--;
                ushort[] shared = chunk.Length == message.Envelope.RecipientCount ? FirstRecipients[chunk.Length] : chunk;
                Return(new QueuedMessage(message, shared, destination) { Attempts = attempts, NextAttempt = next });
            }

            for (; spare > 0; spare--)
            {
                destination.Release();
            }
        }
    }

    /// <summary>The queue of a recipient's destination, held for one message.</summary>
    private ReadyQueue Hold(ReadOnlySpan<byte> recipient)
    {
        // An address has at most 64 octets before the @ and 255 behind it.
        Span<char> text = stackalloc char[recipient.Length];
        int length = Encoding.UTF8.GetChars(recipient[(recipient.LastIndexOf((byte)'@') + 1)..], text);
        Span<char> domain = text[..length];
        foreach (ref char c in domain)
        {
            // Only ASCII: what a domain's other letters are equal to is decided by IDNA, not here.
            c = c is >= 'A' and <= 'Z' ? (char)(c | 0x20) : c;
        }

        RouteOptions? route = Volatile.Read(ref _routeOf)(domain);
        while (true)
        {
            ReadyQueue? queue;
            if (route is not null)
            {
                queue = _routed.TryGetValue(route, out queue) ? queue : _routed.GetOrAdd(route, new ReadyQueue(route.NextHop.ToString(), route));
            }
            else if (!_byDomain.TryGetValue(domain, out queue))
            {
                string name = new(domain);
                queue = _destinations.GetOrAdd(name, new ReadyQueue(name, null));
            }

            if (queue.TryHold())
            {
                return queue;
            }

            // Retired between the two steps: it is being taken out, and a new one takes its place.
            Forget(queue);
        }
    }

    /// <summary>What goes to one next hop under one TLS policy waits together, whichever route sent it there.</summary>
    private sealed class SameWay : IEqualityComparer<RouteOptions>
    {
        public bool Equals(RouteOptions? x, RouteOptions? y) => x is not null && y is not null && x.Tls == y.Tls && x.NextHop == y.NextHop;

        public int GetHashCode(RouteOptions route) => HashCode.Combine(route.NextHop, route.Tls);
    }
}

using System.Collections.Concurrent;

namespace Relay.Dns;

/// <summary>
/// Answers to one kind of question, bounded, each kept as long as it may be. Readers take no lock and a hit allocates nothing; writers share one lock. A question that
/// several ask at once goes out once: it belongs to none of the callers, who can each stop waiting for it. Past the bound the oldest answers go, except that one
/// which was used since its last turn gets another (second chance). Any thread.
/// </summary>
internal sealed class AnswerTable<TKey, T>(int capacity, TimeProvider time, Func<TKey, CancellationToken, ValueTask<DnsAnswer<T>>> ask)
    where TKey : notnull
{
    // Turns past answers in use, at one insertion: keeps an insertion cheap when all are in use.
    private const int MaximumTurns = 16;

    private readonly ConcurrentDictionary<TKey, Entry> _answers = new();
    private readonly ConcurrentDictionary<TKey, Task<DnsAnswer<T>>> _flights = new();
    private readonly Lock _gate = new();
    private readonly Queue<TKey> _turns = new();

    public int Count => _answers.Count;

    public ValueTask<DnsAnswer<T>> GetAsync(TKey key, CancellationToken cancel) =>
        TryGet(key, out DnsAnswer<T>? answer) ? ValueTask.FromResult(answer) : new ValueTask<DnsAnswer<T>>(WaitAsync(key, cancel));

    private bool TryGet(TKey key, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out DnsAnswer<T>? answer)
    {
        answer = null;
        if (!_answers.TryGetValue(key, out Entry? entry) || time.GetTimestamp() >= entry.Expires)
        {
            return false;
        }

        // Written only when it changes: an answer that everybody reads stays shared between the processors.
        if (!entry.IsUsed)
        {
            entry.IsUsed = true;
        }

        answer = entry.Answer;
        return true;
    }

    private Task<DnsAnswer<T>> WaitAsync(TKey key, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        var own = new TaskCompletionSource<DnsAnswer<T>>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<DnsAnswer<T>> flight = _flights.GetOrAdd(key, own.Task);
        if (flight == own.Task)
        {
            _ = FlyAsync(key, own);
        }

        return flight.WaitAsync(cancel);
    }

    private async Task FlyAsync(TKey key, TaskCompletionSource<DnsAnswer<T>> flight)
    {
        try
        {
            // Another flight may have landed between our look at the answers and our take-off.
            if (!TryGet(key, out DnsAnswer<T>? answer))
            {
                answer = await ask(key, CancellationToken.None);
                Keep(key, answer);
            }

            _flights.TryRemove(key, out _);
            flight.SetResult(answer);
        }
        catch (Exception e)
        {
            // A bug in what is asked: for those who wait to tell, and not for ever.
            _flights.TryRemove(key, out _);
            flight.SetException(e);
        }
    }

    private void Keep(TKey key, DnsAnswer<T> answer)
    {
        long expires = time.GetTimestamp() + (long)(DnsCache.KeepFor(answer.Status, answer.TimeToLive).TotalSeconds * time.TimestampFrequency);
        var entry = new Entry(answer, expires);
        lock (_gate)
        {
            bool isKnown = _answers.ContainsKey(key);
            _answers[key] = entry;
            if (isKnown)
            {
                return;
            }

            _turns.Enqueue(key);
            for (int turn = 0; _turns.Count > capacity; turn++)
            {
                TKey oldest = _turns.Dequeue();
                Entry old = _answers[oldest];
                if (old.IsUsed && turn < MaximumTurns && time.GetTimestamp() < old.Expires)
                {
                    old.IsUsed = false;
                    _turns.Enqueue(oldest);
                }
                else
                {
                    _answers.TryRemove(oldest, out _);
                }
            }
        }
    }

    private sealed class Entry(DnsAnswer<T> answer, long expires)
    {
        private volatile bool _isUsed;

        public DnsAnswer<T> Answer { get; } = answer;

        public long Expires { get; } = expires;

        public bool IsUsed
        {
            get => _isUsed;
            set => _isUsed = value;
        }
    }
}

namespace Relay.Flow.Queue;

/// <summary>
/// Something that is found by a key, is held by the messages that refer to it, and goes when none does. Any thread, without a lock. A base and not a field: there are as many as there are domains.
/// </summary>
internal abstract class Retirable
{
    private const int Retired = int.MinValue;

    private int _held;

    /// <summary>Whether a message may refer to it; each true owes one <see cref="Release"/>. False when it has been retired meanwhile: look it up again.</summary>
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

    /// <summary>How many messages refer to it, about.</summary>
    public int Held => Math.Max(0, Volatile.Read(ref _held));

    /// <summary>A message was settled or has moved elsewhere.</summary>
    public void Release() => Interlocked.Decrement(ref _held);

    /// <summary>Takes it out of use when nothing refers to it. True once.</summary>
    public bool TryRetire() => Interlocked.CompareExchange(ref _held, Retired, 0) == 0;
}

using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>Gives out queue ids: the time in milliseconds with room for a million in each, and always above the last. Any thread.</summary>
internal sealed class QueueIds(TimeProvider time, ulong last)
{
    private ulong _last = last;

    internal ulong Last => Volatile.Read(ref _last);

    internal QueueId Next()
    {
        ulong now = (ulong)time.GetUtcNow().ToUnixTimeMilliseconds() << 20;
        while (true)
        {
            ulong last = Volatile.Read(ref _last);
            ulong next = Math.Max(now, last + 1);
            if (Interlocked.CompareExchange(ref _last, next, last) == last)
            {
                return new QueueId(next);
            }
        }
    }
}

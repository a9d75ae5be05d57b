using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>Gives out queue ids: the time in milliseconds with room for a million in each, and always above the last. Any thread.</summary>
internal sealed class QueueIds(TimeProvider time)
{
    private const int TimeShift = 20;

    private ulong _last;

    internal ulong Last => Volatile.Read(ref _last);

    /// <summary>What a folder says was given out before.</summary>
    internal void StartAbove(ulong id)
    {
        ulong last = Volatile.Read(ref _last);
        while (id > last)
        {
            ulong seen = Interlocked.CompareExchange(ref _last, id, last);
            if (seen == last)
            {
                return;
            }

            last = seen;
        }
    }

    /// <summary>When an id was given out, by the clock of then; later than that where the clock had been set back.</summary>
    internal static DateTimeOffset TimeOf(QueueId id) => DateTimeOffset.FromUnixTimeMilliseconds((long)(id.Value >> TimeShift));

    internal QueueId Next()
    {
        ulong now = (ulong)time.GetUtcNow().ToUnixTimeMilliseconds() << TimeShift;
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

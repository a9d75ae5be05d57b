using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Queue;

/// <summary>When a message that could not be sent is tried again (RFC 5321 §4.5.4.1), and for how long: the time it is kept begins when it may first be sent, and its sender may have set an earlier end (RFC 2852). Immutable; any thread.</summary>
internal sealed class RetrySchedule(IReadOnlyList<TimeSpan> waits, TimeSpan expire, TimeSpan expireReports)
{
    /// <summary>A message that failed with many others shall not come back with all of them: a quarter of the wait either way.</summary>
    private const double Jitter = 0.25;

    /// <summary>A destination that could not be reached is left alone for at most so long; and never until its first message's retry.</summary>
    private static readonly TimeSpan MaximumSuspension = TimeSpan.FromMinutes(1);

    public TimeSpan Suspension { get; } = TimeSpan.FromTicks(Math.Min(waits[0].Ticks / 2, MaximumSuspension.Ticks));

    /// <summary>
    /// The time of the next try after <paramref name="attempts"/> failed ones, or null when the message has had its time.
    /// The last try is made at the end of that time, however long the wait would be. Where the sender wants to be told when a certain time has passed, one is made then.
    /// </summary>
    public DateTimeOffset? Next(SpooledMessage message, int attempts, DateTimeOffset now, Random random)
    {
        DateTimeOffset end = End(message);
        if (now >= end)
        {
            return null;
        }

        TimeSpan wait = waits[Math.Min(attempts, waits.Count) - 1];
        DateTimeOffset next = now + wait * (1 + Jitter * (2 * random.NextDouble() - 1));
        if (message.Envelope.DeliverByMode == DeliverByMode.Notify && message.Envelope.DeliverBy is { } told && now < told && told < next)
        {
            next = told;
        }

        return next < end ? next : end;
    }

    /// <summary>When a message that is still not delivered is given up.</summary>
    public DateTimeOffset End(SpooledMessage message)
    {
        Envelope envelope = message.Envelope;
        TimeSpan kept = envelope.ReversePath.IsEmpty && expireReports < expire ? expireReports : expire;
        DateTimeOffset end = (envelope.ReleaseAt is { } release && release > message.Arrived ? release : message.Arrived) + kept;
        return envelope.DeliverByMode == DeliverByMode.Return && envelope.DeliverBy is { } by && by < end ? by : end;
    }
}

using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Queue;

/// <summary>When a message that could not be sent is tried again (RFC 5321 §4.5.4.1), and for how long: the time it is kept begins when it may first be sent, and its sender may have set an earlier end (RFC 2852). Immutable; any thread.</summary>
internal sealed class RetrySchedule(IReadOnlyList<TimeSpan> waits, TimeSpan expire, TimeSpan expireReports, TimeSpan delayAfter = default)
{
    /// <summary>A message that failed with many others shall not come back with all of them: a quarter of the wait either way.</summary>
    private const double Jitter = 0.25;

    /// <summary>The last try is planned for the very end of a message's time, or when an operator released it behind that: only one that has waited longer comes too late.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    private static readonly TimeSpan MaximumSuspension = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan MaximumLongSuspension = TimeSpan.FromMinutes(10);

    /// <summary>So long what could not be reached or looked up is left alone at first: never until its first message's retry.</summary>
    public TimeSpan Suspension { get; } = Least(waits[0] / 2, MaximumSuspension);

    /// <summary>And so long at most when it stays so.</summary>
    public TimeSpan LongestSuspension { get; } = Least(waits[^1] / 2, MaximumLongSuspension);

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

        if (DelayedAt(message) is { } delayed && now < delayed && delayed < next)
        {
            next = delayed;
        }

        return next < end ? next : end;
    }

    /// <summary>
    /// The attempt that ends at <paramref name="now"/> is the first one behind the time at which a sender who asked for it is told that mail is late: the one that was planned for that time or before it.
    /// </summary>
    public bool IsFirstDelayed(QueuedMessage message, DateTimeOffset now) => DelayedAt(message.Message) is { } delayed && message.NextAttempt <= delayed && delayed <= now;

    /// <summary>When a message that is still not delivered is given up.</summary>
    public DateTimeOffset End(SpooledMessage message)
    {
        Envelope envelope = message.Envelope;
        TimeSpan kept = envelope.ReversePath.IsEmpty && expireReports < expire ? expireReports : expire;
        DateTimeOffset end = Begin(message) + kept;
        return envelope.DeliverByMode == DeliverByMode.Return && envelope.DeliverBy is { } by && by < end ? by : end;
    }

    /// <summary>Why a message that is ready isn't sent any more, or null.</summary>
    public string? Overdue(QueuedMessage message, DateTimeOffset now) => message.IsTooLate(now) ? "the time by which its sender wanted it delivered has passed"
        : now > Later(End(message.Message), message.NextAttempt) + Grace ? "its time was over before it could be sent"
        : null;

    /// <summary>Null when nobody wants to hear of it (NOTIFY=DELAY, RFC 3461 §4.1).</summary>
    private DateTimeOffset? DelayedAt(SpooledMessage message)
    {
        Envelope envelope = message.Envelope;
        if (delayAfter <= TimeSpan.Zero || envelope.ReversePath.IsEmpty)
        {
            return null;
        }

        Envelope.RecipientEnumerator recipients = envelope.GetEnumerator();
        while (recipients.MoveNext())
        {
            if (recipients.Notify.HasFlag(DsnNotify.Delay))
            {
                return Begin(message) + delayAfter;
            }
        }

        return null;
    }

    /// <summary>When its time begins: a message that is held back may not be sent before.</summary>
    private static DateTimeOffset Begin(SpooledMessage message) => message.Envelope.ReleaseAt is { } release && release > message.Arrived ? release : message.Arrived;

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;

    private static TimeSpan Least(TimeSpan one, TimeSpan other) => one < other ? one : other;
}

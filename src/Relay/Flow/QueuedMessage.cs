using Relay.Concurrency;
using Relay.Flow.Queue;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow;

/// <summary>
/// A message's recipients at one destination: what waits, is sent in one transaction and is settled together. A reference to what the spool holds, never the only copy.
/// One owner at a time (the scheduled queue, its destination, its site, or the worker that sends it), handed over whole.
/// </summary>
internal sealed class QueuedMessage(SpooledMessage message, ushort[] recipients, Destination destination) : ILinked<QueuedMessage>, ITimed, ICosted
{
    /// <summary>RFC 5321 §4.5.3.1.8: the number of recipients that every server takes in one transaction. More are split.</summary>
    public const int MaximumRecipients = 100;

    public SpooledMessage Message { get; } = message;

    /// <summary>Places in the envelope; possibly shared with other messages, so never written to.</summary>
    public ushort[] Recipients { get; } = recipients;

    public Destination Destination { get; } = destination;

    /// <summary>Where it is ready; null until its route has been looked up.</summary>
    public Site? Site { get; set; }

    /// <summary>The sender wanted it delivered by a time that has passed, and not at all after it (RFC 2852, by-mode R).</summary>
    public bool IsTooLate(DateTimeOffset now) => Message.Envelope.DeliverByMode == DeliverByMode.Return && Message.Envelope.DeliverBy <= now;

    /// <summary>
    /// The attempt that ends at <paramref name="now"/> is the first one behind the time by which the sender wanted it delivered, or to be told that it isn't (RFC 2852, by-mode N): the one that
    /// was planned for that time or before it. The plan is in the spool, so a restart doesn't tell the sender again.
    /// </summary>
    public bool IsFirstLate(DateTimeOffset now) => Message.Envelope.DeliverByMode == DeliverByMode.Notify && Message.Envelope.DeliverBy is { } by && NextAttempt <= by && by <= now;

    /// <summary>Attempts that have failed so far.</summary>
    public int Attempts { get; init; }

    public DateTimeOffset NextAttempt { get; init; }

    public long DueTick { get; set; }

    public int Cost { get; set; }

    public QueuedMessage? Next { get; set; }
}

using Relay.Concurrency;
using Relay.Flow.Queue;
using Relay.Spool;

namespace Relay.Flow;

/// <summary>
/// A message's recipients at one destination: what waits, is sent in one transaction and is settled together. A reference to what the spool holds, never the only copy.
/// One owner at a time (the scheduled queue, a ready queue, or the worker that sends it), handed over whole.
/// </summary>
internal sealed class QueuedMessage(SpooledMessage message, ushort[] recipients, ReadyQueue destination) : ILinked<QueuedMessage>, ITimed
{
    /// <summary>RFC 5321 §4.5.3.1.8: the number of recipients that every server takes in one transaction. More are split.</summary>
    public const int MaximumRecipients = 100;

    public SpooledMessage Message { get; } = message;

    /// <summary>Places in the envelope; possibly shared with other messages, so never written to.</summary>
    public ushort[] Recipients { get; } = recipients;

    public ReadyQueue Destination { get; } = destination;

    /// <summary>Attempts that have failed so far.</summary>
    public int Attempts { get; init; }

    public DateTimeOffset NextAttempt { get; init; }

    public long DueTick { get; set; }

    public QueuedMessage? Next { get; set; }
}

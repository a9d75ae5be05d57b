using System.Buffers;
using Microsoft.Extensions.Logging;
using Relay.Flow.Queue;
using Relay.Spool;
using Relay.Telemetry;

namespace Relay.Flow.Settle;

/// <summary>
/// Ends an attempt: each recipient is delivered, put off, or given up with a report to the sender. The spool is told before anything is forgotten, and a report is durable before the
/// recipient it is about is marked as failed, so that a crash at any point repeats work rather than losing it. Any thread.
/// </summary>
internal sealed class Settlement(
    MessageSpool spool, MessageQueue queue, BounceMessage bounces, DeliveryLog deliveries, RelayMetrics metrics, RetrySchedule schedule, TimeProvider time, Random random, ILogger log)
{
    /// <summary>When a report can't be stored now, the recipient stays as it is and is looked at again after this time.</summary>
    private static readonly TimeSpan ReportRetry = TimeSpan.FromMinutes(1);

    private volatile RetrySchedule _schedule = schedule;

    public void Apply(RetrySchedule schedule) => _schedule = schedule;

    public async ValueTask SettleAsync(QueuedMessage message, AttemptResult result)
    {
        DateTimeOffset now = time.GetUtcNow();
        int attempts = message.Attempts + 1;
        DateTimeOffset? next = _schedule.Next(message.Message, attempts, now, random);
        int failed = 0;
        int deferred = 0;
        foreach (RecipientOutcome outcome in result.Outcomes)
        {
            bool given = IsGivenUp(outcome, next);
            failed += given ? 1 : 0;
            deferred += Happened(outcome, next) == DeliveryEvent.Deferred ? 1 : 0;
        }

        if (deferred > 0 && message.IsFirstLate(now) && !await ReportAsync(message, result, next, DeliveryEvent.Deferred).ConfigureAwait(false))
        {
            // The mail itself is safe, and this was its sender's wish for a word in between: it isn't worth another try.
            SettleLog.DelayNotReported(log, message.Message.Id.ToString());
        }

        if (failed > 0 && !await ReportAsync(message, result, next, DeliveryEvent.Bounced).ConfigureAwait(false))
        {
            // Nothing may be lost: those that failed wait like those that were put off, and fail again.
            SettleLog.ReportNotStored(log, message.Message.Id.ToString());
            deferred += failed;
            failed = 0;
            next = next is { } planned && planned < now + ReportRetry ? planned : now + ReportRetry;
            Defer(result);
        }

        Update(message, result, attempts, next);
        Record(message, result, attempts, now, next);
        if (deferred > 0)
        {
            spool.ReleaseBody(message.Message);
            queue.Retry(message, Pending(message, result, deferred, next), attempts, next!.Value);
        }
    }

    /// <summary>Takes a message back whose attempt ended by a fault of ours: nothing is known of its recipients, so nothing is written, and all are tried again.</summary>
    public void PutBack(QueuedMessage message)
    {
        DateTimeOffset now = time.GetUtcNow();
        queue.Retry(message, message.Recipients, message.Attempts + 1, _schedule.Next(message.Message, message.Attempts + 1, now, random) ?? now + ReportRetry);
    }

    /// <summary>What an outcome means for the recipient: without a next attempt, to be put off is to be given up.</summary>
    private static DeliveryEvent Happened(in RecipientOutcome outcome, DateTimeOffset? next) => outcome.Kind switch
    {
        OutcomeKind.Delivered => DeliveryEvent.Delivered,
        OutcomeKind.Failed => DeliveryEvent.Bounced,
        _ => next is null ? DeliveryEvent.Expired : DeliveryEvent.Deferred,
    };

    private static bool IsGivenUp(in RecipientOutcome outcome, DateTimeOffset? next) => Happened(outcome, next) is DeliveryEvent.Bounced or DeliveryEvent.Expired;

    private static void Defer(AttemptResult result)
    {
        foreach (ref RecipientOutcome outcome in result.Outcomes)
        {
            if (outcome.Kind == OutcomeKind.Failed)
            {
                outcome = outcome with { Kind = OutcomeKind.Deferred };
            }
        }
    }

    private static ushort[] Pending(QueuedMessage message, AttemptResult result, int deferred, DateTimeOffset? next)
    {
        if (deferred == message.Recipients.Length)
        {
            return message.Recipients;
        }

        var pending = new ushort[deferred];
        int at = 0;
        for (int i = 0; i < message.Recipients.Length; i++)
        {
            RecipientOutcome outcome = result.Outcomes[i];
            if (Happened(outcome, next) == DeliveryEvent.Deferred)
            {
                pending[at++] = message.Recipients[i];
            }
        }

        return pending;
    }

    /// <summary>Reports those that were put off, or those that were given up. False when the report that is due could not be stored.</summary>
    private async ValueTask<bool> ReportAsync(QueuedMessage message, AttemptResult result, DateTimeOffset? next, DeliveryEvent about)
    {
        // RFC 5321 §6.1: never a report about a report.
        if (message.Message.Envelope.ReversePath.IsEmpty)
        {
            return true;
        }

        bool delay = about == DeliveryEvent.Deferred;
        var recipients = new List<BounceRecipient>();
        for (int i = 0; i < message.Recipients.Length; i++)
        {
            RecipientOutcome outcome = result.Outcomes[i];
            if (delay ? Happened(outcome, next) == DeliveryEvent.Deferred : IsGivenUp(outcome, next))
            {
                recipients.Add(new BounceRecipient(message.Recipients[i], outcome.Reply, IsExpired: outcome.Kind == OutcomeKind.Deferred));
            }
        }

        DateTimeOffset? retryUntil = delay ? _schedule.End(message.Message) : null;
        return await bounces.SendAsync(message.Message, recipients, retryUntil, result.Hop?.NextHop.Host).ConfigureAwait(false);
    }

    private void Update(QueuedMessage message, AttemptResult result, int attempts, DateTimeOffset? next)
    {
        RecipientUpdate[] updates = ArrayPool<RecipientUpdate>.Shared.Rent(message.Recipients.Length);
        for (int i = 0; i < message.Recipients.Length; i++)
        {
            RecipientOutcome outcome = result.Outcomes[i];
            RecipientState state = Happened(outcome, next) switch
            {
                DeliveryEvent.Delivered => RecipientState.Delivered,
                DeliveryEvent.Bounced => RecipientState.Failed,
                DeliveryEvent.Expired => RecipientState.Expired,
                _ => RecipientState.Pending,
            };
            updates[i] = new RecipientUpdate(message.Recipients[i], state, attempts, next ?? default);
        }

        spool.Update(message.Message, updates.AsSpan(0, message.Recipients.Length));
        ArrayPool<RecipientUpdate>.Shared.Return(updates);
    }

    private void Record(QueuedMessage message, AttemptResult result, int attempts, DateTimeOffset now, DateTimeOffset? next)
    {
        SpooledMessage spooled = message.Message;
        for (int i = 0; i < message.Recipients.Length; i++)
        {
            RecipientOutcome outcome = result.Outcomes[i];
            DeliveryEvent happened = Happened(outcome, next);
            string word = DeliveryEventWord.Of(happened);
            bool dead = spooled.Envelope.ReversePath.IsEmpty && happened is (DeliveryEvent.Bounced or DeliveryEvent.Expired);
            metrics.RecipientSettled(word);
            ReadOnlySpan<byte> to = spooled.Envelope.Recipient(message.Recipients[i]);
            deliveries.Write(new DeliveryRecord
            {
                Time = now,
                Id = spooled.Id,
                Event = happened,
                Size = spooled.Size,
                Attempt = attempts,
                DelayMs = (long)(now - spooled.Arrived).TotalMilliseconds,
                NextHop = result.Hop?.NextHop,
                Source = result.Hop?.Source,
                Tls = result.Hop?.Tls,
                Reply = outcome.Reply,
                Client = spooled.Client?.ToString(),
                IsDeadLetter = dead,
                NextAttempt = happened == DeliveryEvent.Deferred ? next : null,
            }, spooled.Envelope.ReversePath, to);
            if (happened == DeliveryEvent.Delivered)
            {
                continue;
            }

            if (dead)
            {
                metrics.DeadLetter();
                SettleLog.DeadLetter(log, spooled.Id.ToString(), LogText.Clean(to), outcome.Reply.ToString());
            }

            if (log.IsEnabled(LogLevel.Information))
            {
                if (happened == DeliveryEvent.Deferred)
                {
                    SettleLog.Deferred(log, spooled.Id.ToString(), LogText.Clean(to), message.Destination.Name, outcome.Reply.ToString(), next);
                }
                else
                {
                    SettleLog.Ended(log, spooled.Id.ToString(), LogText.Clean(to), word, message.Destination.Name, outcome.Reply.ToString());
                }
            }
        }
    }
}

using System.Buffers;
using Microsoft.Extensions.Logging;
using Relay.Flow.Queue;
using Relay.Protocol.Dsn;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Telemetry;

namespace Relay.Flow.Settle;

/// <summary>
/// Ends an attempt: each recipient is delivered, put off, or given up with a report to the sender. The spool is told before anything is forgotten, and a report is durable before the
/// recipient it is about is marked as failed, so that a crash at any point repeats work rather than losing it. Any thread.
/// </summary>
internal sealed class Settlement(
    MessageSpool spool, MessageQueue queue, ReportMessage reports, DeliveryLog deliveries, RelayMetrics metrics, RetrySchedule schedule, ClassRules classes, TimeProvider time, Random random, ILogger log)
{
    /// <summary>When a report can't be stored now, the recipient stays as it is and is looked at again after this time.</summary>
    private static readonly TimeSpan ReportRetry = TimeSpan.FromMinutes(1);

    private volatile RetrySchedule _schedule = schedule;
    private volatile ClassRules _classes = classes;

    public void Apply(RetrySchedule schedule, ClassRules classes)
    {
        _schedule = schedule;
        _classes = classes;
    }

    public async ValueTask SettleAsync(QueuedMessage message, AttemptResult result)
    {
        DateTimeOffset now = time.GetUtcNow();
        int attempts = message.Attempts + 1;
        Classify(result);
        DateTimeOffset? next = _schedule.Next(message.Message, attempts, now, random);
        bool ordered = message.Message.Ordered > 0 && IsOrdered(message);
        if (next is null && ordered)
        {
            // What an operator holds doesn't end because its time is over. The others have one more try for it.
            next = now;
        }

        bool later = false;
        int failed = 0;
        int deferred = 0;
        foreach (RecipientOutcome outcome in result.Outcomes)
        {
            bool given = IsGivenUp(outcome, next);
            failed += given ? 1 : 0;
            deferred += Happened(outcome, next) == DeliveryEvent.Deferred ? 1 : 0;
        }

        // RFC 5321 §6.1: never a report about a report.
        bool silent = message.Message.Envelope.ReversePath.IsEmpty;
        if (deferred > 0 && !silent && !await ReportAsync(message, result, ReportAction.Delayed, Late(message, result, next, now)).ConfigureAwait(false))
        {
            // The mail itself is safe, and this was its sender's wish for a word in between: it isn't worth another try.
            SettleLog.NotReported(log, message.Message.Id.ToString(), "a delay");
        }

        if (!silent && Reached(message, result) is { Count: > 0 } reached && !await ReportAsync(message, result, result.Hop is { IsFinal: true } ? ReportAction.Delivered : ReportAction.Relayed, reached).ConfigureAwait(false))
        {
            // To send the mail again for the sake of a word about it would be worse.
            SettleLog.NotReported(log, message.Message.Id.ToString(), "a delivery");
        }

        if (failed > 0 && !silent && !await ReportAsync(message, result, ReportAction.Failed, GivenUp(message, result, next)).ConfigureAwait(false))
        {
            // Nothing may be lost: those that failed wait like those that were put off, and fail again.
            SettleLog.ReportNotStored(log, message.Message.Id.ToString());
            deferred += failed;
            failed = 0;
            later = true;
            next = !ordered && next is { } planned && planned < now + ReportRetry ? planned : now + ReportRetry;
            Defer(result);
        }

        Update(message, result, attempts, next);
        Record(message, result, attempts, now, next);
        if (deferred > 0)
        {
            spool.ReleaseBody(message.Message);
            message.Destination.Trouble = new Trouble(LastReply(result, next), now, next!.Value);
            queue.Retry(message, Pending(message, result, deferred, next), attempts, next!.Value, later);
        }
    }

    /// <summary>Takes a message back whose attempt ended by a fault of ours: nothing is known of its recipients, so nothing is written, and all are tried again.</summary>
    public void PutBack(QueuedMessage message)
    {
        DateTimeOffset now = time.GetUtcNow();
        queue.Retry(message, message.Recipients, message.Attempts + 1, _schedule.Next(message.Message, message.Attempts + 1, now, random) ?? now + ReportRetry, later: true);
    }

    /// <summary>Waits until the delivery log has room for much: whoever settles many messages at once lets those be logged that are delivered meanwhile.</summary>
    public ValueTask LogHasRoomAsync() => deliveries.HasRoomAsync();

    /// <summary>What an outcome means for the recipient: without a next attempt, to be put off is to be given up.</summary>
    private static DeliveryEvent Happened(in RecipientOutcome outcome, DateTimeOffset? next) => outcome.Kind switch
    {
        OutcomeKind.Delivered => DeliveryEvent.Delivered,
        OutcomeKind.Failed => DeliveryEvent.Bounced,
        OutcomeKind.Dropped => DeliveryEvent.Dropped,
        _ => next is null ? DeliveryEvent.Expired : DeliveryEvent.Deferred,
    };

    private static bool IsGivenUp(in RecipientOutcome outcome, DateTimeOffset? next) => Happened(outcome, next) is DeliveryEvent.Bounced or DeliveryEvent.Expired;

    /// <summary>An operator wants something else of some of the recipients than that they are tried. Apart, so that the usual way allocates nothing for it.</summary>
    private static bool IsOrdered(QueuedMessage message) => Array.Exists(message.Recipients, r => MessageSpool.OrderOf(message.Message, r) != RecipientOrder.None);

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

    /// <summary>The answer that put the last of the recipients off.</summary>
    private static PeerReply LastReply(AttemptResult result, DateTimeOffset? next)
    {
        PeerReply last = default;
        foreach (ref RecipientOutcome outcome in result.Outcomes)
        {
            last = Happened(outcome, next) == DeliveryEvent.Deferred ? outcome.Reply : last;
        }

        return last;
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

    /// <summary>Finds what kind of answer each is that isn't a yes; a rule may say that it means for good what the server's code says for now, or the other way round.</summary>
    private void Classify(AttemptResult result)
    {
        ClassRules classes = _classes;
        PeerReply last = default;
        Classification found = default;
        foreach (ref RecipientOutcome outcome in result.Outcomes)
        {
            if (outcome.Kind is OutcomeKind.Delivered or OutcomeKind.Dropped)
            {
                continue;
            }

            // Most often all have the same.
            if (outcome.Reply != last)
            {
                last = outcome.Reply;
                found = classes.Classify(last);
            }

            OutcomeKind kind = found.Permanent switch { true => OutcomeKind.Failed, false => OutcomeKind.Deferred, null => outcome.Kind };
            outcome = outcome with { Kind = kind, Class = found.Class };
        }
    }

    /// <summary>Those whose sender is to be told now that they are late: RFC 2852 (by-mode N), or NOTIFY=DELAY (RFC 3461 §4.1).</summary>
    private List<SettledRecipient> Late(QueuedMessage message, AttemptResult result, DateTimeOffset? next, DateTimeOffset now)
    {
        var late = new List<SettledRecipient>();
        bool by = message.IsFirstLate(now);
        bool asked = _schedule.IsFirstDelayed(message, now);
        for (int i = 0; i < message.Recipients.Length && (by || asked); i++)
        {
            DsnNotify notify = message.Message.Envelope.NotifyOf(message.Recipients[i], out _);
            if (Happened(result.Outcomes[i], next) == DeliveryEvent.Deferred && ((by && notify != DsnNotify.Never) || (asked && notify.HasFlag(DsnNotify.Delay))))
            {
                late.Add(new SettledRecipient(message.Recipients[i], result.Outcomes[i], IsExpired: false));
            }
        }

        return late;
    }

    /// <summary>Those that were given up, but for those of whom the sender doesn't want to hear (NOTIFY without FAILURE).</summary>
    private static List<SettledRecipient> GivenUp(QueuedMessage message, AttemptResult result, DateTimeOffset? next)
    {
        var givenUp = new List<SettledRecipient>();
        for (int i = 0; i < message.Recipients.Length; i++)
        {
            RecipientOutcome outcome = result.Outcomes[i];
            DsnNotify notify = message.Message.Envelope.NotifyOf(message.Recipients[i], out _);
            if (IsGivenUp(outcome, next) && (notify == DsnNotify.Unspecified || notify.HasFlag(DsnNotify.Failure)))
            {
                givenUp.Add(new SettledRecipient(message.Recipients[i], outcome, IsExpired: outcome.Kind == OutcomeKind.Deferred));
            }
        }

        return givenUp;
    }

    /// <summary>Those that were delivered, whose sender wants to hear of it (NOTIFY=SUCCESS) and won't from the server that took them. Null: none, as almost always.</summary>
    private static List<SettledRecipient>? Reached(QueuedMessage message, AttemptResult result)
    {
        if (result.Hop is null or { TakesDsn: true })
        {
            return null;
        }

        List<SettledRecipient>? reached = null;
        for (int i = 0; i < message.Recipients.Length; i++)
        {
            if (result.Outcomes[i].Kind == OutcomeKind.Delivered && message.Message.Envelope.NotifyOf(message.Recipients[i], out _).HasFlag(DsnNotify.Success))
            {
                (reached ??= []).Add(new SettledRecipient(message.Recipients[i], result.Outcomes[i], IsExpired: false));
            }
        }

        return reached;
    }

    /// <summary>True also when there is nobody to tell of; false when the report that is due could not be stored.</summary>
    private async ValueTask<bool> ReportAsync(QueuedMessage message, AttemptResult result, ReportAction action, List<SettledRecipient> recipients) => recipients.Count == 0 ||
        await reports.SendAsync(message.Message, action, recipients, action == ReportAction.Delayed ? _schedule.End(message.Message) : null, result.Hop?.NextHop?.Host).ConfigureAwait(false);

    private void Update(QueuedMessage message, AttemptResult result, int attempts, DateTimeOffset? next)
    {
        RecipientUpdate[] updates = ArrayPool<RecipientUpdate>.Shared.Rent(message.Recipients.Length);
        for (int i = 0; i < message.Recipients.Length; i++)
        {
            RecipientOutcome outcome = result.Outcomes[i];
            RecipientState state = Happened(outcome, next) switch
            {
                DeliveryEvent.Delivered => RecipientState.Delivered,
                DeliveryEvent.Bounced or DeliveryEvent.Dropped => RecipientState.Failed,
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
            string? kind = happened is DeliveryEvent.Delivered or DeliveryEvent.Dropped ? null : FailureClassWord.Of(outcome.Class);
            if (kind is not null)
            {
                metrics.RecipientNotDelivered(word, kind);
            }

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
                TlsPolicy = result.Hop?.Policy,
                Reply = outcome.Reply,
                Class = kind,
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

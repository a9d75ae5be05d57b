namespace Relay.Spool;

/// <summary>
/// What waits to be committed: transactions, settlements, and callers who want to know that all is durable. Its methods are for any thread, but for
/// <see cref="Take"/>, which is the committer's. Transactions wake the committer at once; settlements alone wait up to 50 ms for company.
/// It also guards what messages remember of their recipients.
/// </summary>
internal sealed class CommitQueue(SpoolCondition condition)
{
    private const int SettleMilliseconds = 50;
    private const int RetryMilliseconds = 250;

    private readonly object _gate = new();
    private readonly SettlementBuffer _settlements = new();

    /// <summary>Messages of which a copy is being made, and the segment where it will be.</summary>
    private readonly Dictionary<SpooledMessage, long> _copying = [];
    private List<SpoolTransaction> _transactions = [];
    private List<TaskCompletionSource> _flushes = [];
    private long _settleBy;
    private bool _idle;
    private bool _stop;
    private bool _closed;

    /// <summary>Hands over a transaction; it is finished on the thread pool.</summary>
    internal void Enqueue(SpoolTransaction transaction)
    {
        lock (_gate)
        {
            if (!_closed)
            {
                _transactions.Add(transaction);
                Wake();
                return;
            }
        }

        transaction.Finish(SpoolFailure.Failed);
    }

    /// <summary>Settles recipients and has it recorded. True when the message is gone with them. Once the spool has failed, it is remembered in memory only.</summary>
    internal bool Settle(SpooledMessage message, ReadOnlySpan<RecipientUpdate> updates)
    {
        lock (_gate)
        {
            if (message.Unsettled == 0 || updates.IsEmpty)
            {
                return false;
            }

            foreach (RecipientUpdate update in updates)
            {
                ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)update.Recipient, (uint)message.Envelope.RecipientCount, nameof(updates));
            }

            updates = message.Ordered > 0 ? Kept(message, updates) : updates;
            message.Apply(updates);
            bool gone = message.Unsettled == 0;
            Record(message, gone ? [] : updates);
            return gone;
        }
    }

    /// <summary>Records that a message is gone, whatever of it was left. False when it was gone before.</summary>
    internal bool Remove(SpooledMessage message)
    {
        lock (_gate)
        {
            if (message.Unsettled == 0)
            {
                return false;
            }

            message.End();
            Record(message, []);
            return true;
        }
    }

    /// <summary>An operator's word on those recipients that <paramref name="which"/> selects (by their places), recorded as a settlement is. Gives those of which it is new.</summary>
    internal List<int> Order(SpooledMessage message, RecipientOrder order, Predicate<int> which, DateTimeOffset now)
    {
        var changed = new List<RecipientUpdate>();
        lock (_gate)
        {
            for (int i = 0; i < message.Envelope.RecipientCount && message.Unsettled > 0; i++)
            {
                if (message.TryOrder(i, order, now, out RecipientUpdate update) && which(i))
                {
                    changed.Add(update);
                }
            }

            ReadOnlySpan<RecipientUpdate> updates = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(changed);
            message.Apply(updates);
            if (changed.Count > 0)
            {
                Record(message, updates);
            }
        }

        return changed.ConvertAll(static u => u.Recipient);
    }

    /// <summary>What an operator wants of a recipient.</summary>
    internal RecipientOrder OrderOf(SpooledMessage message, int recipient)
    {
        lock (_gate)
        {
            return message.OrderOf(recipient);
        }
    }

    /// <summary>The recipients that are not final, which may be none any more.</summary>
    internal PendingRecipient[] Pending(SpooledMessage message)
    {
        lock (_gate)
        {
            return message.Unsettled == 0 ? [] : message.Pending();
        }
    }

    /// <summary>What a copy of the message has to say of its recipients. False when the message is gone.</summary>
    internal bool TryCopy(SpooledMessage message, out RecipientUpdate[] states, out ushort changes)
    {
        lock (_gate)
        {
            states = message.Unsettled == 0 ? [] : message.States();
            changes = message.Changes;
            return message.Unsettled > 0;
        }
    }

    /// <summary>
    /// A copy with what <see cref="TryCopy"/> gave is about to be written to a segment. What changes from now on is recorded of the message where it is and of the copy: whichever of them a crash leaves, that is known of it as
    /// soon as it is durable. False when something has changed since.
    /// </summary>
    internal bool BeginCopy(SpooledMessage message, ushort changes, long to)
    {
        lock (_gate)
        {
            if (message.Changes != changes)
            {
                return false;
            }

            _copying.Add(message, to);
            return true;
        }
    }

    /// <summary>The copies that were begun, and are no messages yet, came to nothing.</summary>
    internal void DropCopies()
    {
        lock (_gate)
        {
            _copying.Clear();
        }
    }

    /// <summary>From now on the copy is the message.</summary>
    internal void Move(SpooledMessage message, Segment from, Segment to, long offset, RecordHeader record)
    {
        lock (_gate)
        {
            _copying.Remove(message);
            if (message.Unsettled > 0)
            {
                from.Remove(message);
                message.LieIn(to, offset, record);
                to.Add(message);
            }
        }
    }

    /// <summary>Holds the segment of a message, so that its body can be read there; the caller releases it. Null when both are gone.</summary>
    internal Segment? Hold(SpooledMessage message, out long bodyOffset)
    {
        lock (_gate)
        {
            bodyOffset = message.BodyOffset;
            return message.Segment!.TryHold() ? message.Segment : null;
        }
    }

    /// <summary>Completes when all that was handed over before is durable; fails with IOException when it can't be.</summary>
    internal Task FlushAsync()
    {
        lock (_gate)
        {
            if (_closed)
            {
                return Task.CompletedTask;
            }

            var flush = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _flushes.Add(flush);
            Wake();
            return flush.Task;
        }
    }

    /// <summary>Lets the committer end once all is taken. Later transactions fail, later settlements are dropped.</summary>
    internal void Stop()
    {
        lock (_gate)
        {
            _stop = true;
            Wake();
        }
    }

    /// <summary>
    /// Waits for work and takes all there is: the lists, empty, are exchanged for full ones, settlements are added to those still owed.
    /// False when the queue has been stopped and nothing is left.
    /// </summary>
    internal bool Take(ref List<SpoolTransaction> transactions, SettlementBuffer owed, ref List<TaskCompletionSource> flushes)
    {
        lock (_gate)
        {
            if (!owed.IsEmpty)
            {
                // The last pass couldn't write them.
                _settleBy = Environment.TickCount64 + RetryMilliseconds;
            }

            while (_transactions.Count == 0 && _flushes.Count == 0)
            {
                bool settlements = !_settlements.IsEmpty || !owed.IsEmpty;
                if (_stop)
                {
                    if (settlements && owed.IsEmpty)
                    {
                        break;
                    }

                    _closed = true;
                    return false;
                }

                long left = settlements ? _settleBy - Environment.TickCount64 : Timeout.Infinite;
                if (settlements && left <= 0)
                {
                    break;
                }

                _idle = true;
                Monitor.Wait(_gate, (int)left);
                _idle = false;
            }

            (_transactions, transactions) = (transactions, _transactions);
            (_flushes, flushes) = (flushes, _flushes);
            owed.TakeFrom(_settlements);
            return true;
        }
    }

    /// <summary>An attempt doesn't undo what an operator said while it was made.</summary>
    private static RecipientUpdate[] Kept(SpooledMessage message, ReadOnlySpan<RecipientUpdate> updates)
    {
        RecipientUpdate[] kept = updates.ToArray();
        foreach (ref RecipientUpdate update in kept.AsSpan())
        {
            if (update.State == RecipientState.Pending && message.OrderOf(update.Recipient) is not RecipientOrder.None and var order)
            {
                update = update with { NextAttempt = RecipientUpdate.TimeOf(order) };
            }
        }

        return kept;
    }

    /// <summary>Under the lock. Of recipients, or (none) that the message is gone.</summary>
    private void Record(SpooledMessage message, ReadOnlySpan<RecipientUpdate> updates)
    {
        if (BeginSettlement())
        {
            if (_copying.TryGetValue(message, out long copy))
            {
                _settlements.Add(message, copy, updates, isCopy: true);
            }

            _settlements.Add(message, message.Segment!.Number, updates);
        }
    }

    private bool BeginSettlement()
    {
        if (condition.IsFailed || _closed)
        {
            return false;
        }

        if (_settlements.IsEmpty)
        {
            _settleBy = Environment.TickCount64 + SettleMilliseconds;
            Wake();
        }

        return true;
    }

    private void Wake()
    {
        if (_idle)
        {
            _idle = false;
            Monitor.Pulse(_gate);
        }
    }
}

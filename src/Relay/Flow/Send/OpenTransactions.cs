using System.Runtime.CompilerServices;
using Relay.Spool;

namespace Relay.Flow.Send;

/// <summary>
/// The transactions that were begun on a connection and haven't ended, in their order: takes them from the source, a message with more recipients than the server takes at once in several parts, and sees each
/// message off, done or given back. <see cref="SmtpPipeline"/>'s, which says and hears what is in them.
/// </summary>
internal sealed class OpenTransactions(OutboundConnection connection)
{
    /// <summary>Content up to here may be in memory, and go out before the replies to the recipients are in.</summary>
    private const int LargeBody = 64 * 1024;

    private readonly Queue<TransactionPart> _parts = new();
    private readonly Stack<TransactionPart> _spare = new();
    private (OutboundTransaction Transaction, int Recipient)? _rest;
    private ITransactionSource? _source;
    private bool _needsReset;

    private ITransactionSource Source => _source!;

    /// <summary>A run of the pipeline begins: transactions come from here, and are given back here.</summary>
    public void Use(ITransactionSource source) => _source = source;

    /// <summary>The next transaction, when fewer than <paramref name="depth"/> are open and there is one.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<TransactionPart?> BeginAsync(int depth)
    {
        while (_parts.Count < depth)
        {
            if (_rest is not null && _parts.Count > 0)
            {
                // Several transactions for one message are rare, and simpler one by one.
                return null;
            }

            if (connection.Mails >= connection.Extensions.MailLimit)
            {
                connection.IsSpent = true;
                GiveBackRest();
                return null;
            }

            (OutboundTransaction? transaction, int first) = _rest is { } rest ? (rest.Transaction, rest.Recipient) : (Source.Next(), 0);
            _rest = null;
            if (transaction is null)
            {
                return null;
            }

            if (HopRules.Refusal(transaction.Message, transaction.Body.Length, connection.Extensions, connection.IsProven, connection.Hop.IsFinal) is { } refusal)
            {
                transaction.HostRefusal = refusal;
                Source.GiveBack(transaction);
                continue;
            }

            TransactionPart part = _spare.TryPop(out TransactionPart? spare) ? spare : new TransactionPart();
            try
            {
                part.Begin(transaction, first, Math.Min(connection.Extensions.RecipientLimit ?? int.MaxValue, transaction.RecipientLimit), connection.Extensions.RecipientDomainLimit, LargeBody);
            }
            catch (SpoolReadException e)
            {
                Release(part);
                transaction.Result.SetRest(AttemptFailure.Unreadable(e).Outcome);
                await Source.DoneAsync(transaction).ConfigureAwait(false);
                continue;
            }

            part.IsChunk = HopRules.UsesChunks(connection.Extensions);
            part.Follows = _parts.Count > 0;
            _rest = part.IsLast ? null : (transaction, part.EndRecipient);
            _parts.Enqueue(part);
            return part;
        }

        return null;
    }

    /// <summary>Whether RSET must go in front of this one, the last that was begun; with that the need is met.</summary>
    public bool TakeReset(TransactionPart part)
    {
        // Behind others that are unanswered, the one right before it decides: the final dot ends its transaction whatever comes of it.
        bool needsReset = _parts.Count > 1 ? part.IsChunk : _needsReset;
        _needsReset = false;
        return needsReset;
    }

    /// <summary>What was written may be with the server from now on.</summary>
    public void MarkSent()
    {
        foreach (TransactionPart part in _parts)
        {
            part.ContentSent = part.ContentWritten;
        }
    }

    /// <summary>Ends the transactions that are written and answered whole.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask CompleteAsync()
    {
        while (_parts.TryPeek(out TransactionPart? part) && part is { Next: TransactionStep.Written, Unanswered: 0 })
        {
            _parts.Dequeue();
            _needsReset = part.IsOpenAtServer;
            OutboundTransaction transaction = part.Transaction;
            bool goesOn = !part.IsLast && !part.OutOfOrder;
            if (part.OutOfOrder && !part.IsLast)
            {
                _rest = null;
            }

            Release(part);
            if (!goesOn)
            {
                await LeaveAsync(transaction).ConfigureAwait(false);
            }
        }
    }

    /// <summary>How many still wait for a reply, and whether the server may have taken the content of one, having said nothing of it.</summary>
    public (int Count, bool AnySent) Unanswered()
    {
        bool anySent = false;
        int count = 0;
        foreach (TransactionPart part in _parts)
        {
            anySent |= part is { ContentSent: true, Unanswered: > 0, EndReplies: 0 };
            count += part.Unanswered > 0 ? 1 : 0;
        }

        return (count, anySent);
    }

    /// <summary>The connection has ended: each transaction goes by what it had reached. With <paramref name="farewell"/> the server has looked at nothing whose end it didn't answer.</summary>
    public async ValueTask EndAsync(AttemptFailure failure, bool farewell)
    {
        _rest = null;
        bool unconfirmed = false;
        while (_parts.TryDequeue(out TransactionPart? part))
        {
            if (part.ContentSent && part.Unanswered > 0 && !(farewell && part.EndReplies == 0))
            {
                part.SetRest(failure.Unconfirmed().Outcome);
                unconfirmed = true;
            }

            OutboundTransaction transaction = part.Transaction;
            Release(part);
            if (_parts.TryPeek(out TransactionPart? next) && next.Transaction == transaction)
            {
                continue;
            }

            if (unconfirmed)
            {
                transaction.Result.SetRest(failure.Outcome);
            }

            unconfirmed = false;
            await LeaveAsync(transaction).ConfigureAwait(false);
        }
    }

    /// <summary>Lets go of what they hold, after an error of ours: nobody is told.</summary>
    public void Abandon()
    {
        foreach (TransactionPart part in _parts)
        {
            part.End();
        }
    }

    /// <summary>Done when every recipient has its outcome; otherwise it was not handed over, and is given back.</summary>
    private ValueTask LeaveAsync(OutboundTransaction transaction)
    {
        if (!transaction.Result.HasOpen)
        {
            return Source.DoneAsync(transaction);
        }

        transaction.Result.Forget();
        Source.GiveBack(transaction);
        return ValueTask.CompletedTask;
    }

    private void GiveBackRest()
    {
        if (_rest is { } rest)
        {
            _rest = null;
            rest.Transaction.Result.Forget();
            Source.GiveBack(rest.Transaction);
        }
    }

    private void Release(TransactionPart part)
    {
        part.End();
        _spare.Push(part);
    }
}

using System.Buffers;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Send;

/// <summary>
/// One SMTP transaction on a connection: a message, those of its recipients that go in it (all that have no outcome yet, but for what the server takes at once), and how far it is, in what was written and in
/// what was answered. <see cref="OpenTransactions"/> ends it and uses it again.
/// </summary>
internal sealed class TransactionPart
{
    private OutboundTransaction? _transaction;
    private byte[]? _rented;
    private int _first;
    private int _end;

    public OutboundTransaction Transaction => _transaction ?? throw new InvalidOperationException("The transaction has ended.");

    /// <summary>No recipient of the message is left for another one.</summary>
    public bool IsLast { get; private set; }

    /// <summary>The content, when it is in memory; otherwise it is read in pieces as it is sent.</summary>
    public ReadOnlySequence<byte>? Content { get; private set; }

    /// <summary>So much that the server's word on the recipients is worth waiting for, and that nobody may hold all of it.</summary>
    public bool IsLarge { get; private set; }

    /// <summary>Its content goes by BDAT.</summary>
    public bool IsChunk { get; set; }

    /// <summary>The content waits for the replies to all recipients.</summary>
    public bool Holds { get; set; }

    /// <summary>It was begun while earlier ones were unanswered.</summary>
    public bool Follows { get; set; }

    public TransactionStep Next { get; set; }

    /// <summary>The recipient whose RCPT is written next.</summary>
    public int NextRecipient { get; set; }

    /// <summary>Behind the last recipient of it.</summary>
    public int EndRecipient => _end;

    /// <summary>Replies to what was written of it that haven't come.</summary>
    public int Unanswered { get; set; }

    /// <summary>Recipients to whom the server said yes.</summary>
    public int Accepted { get; private set; }

    /// <summary>The server said 354.</summary>
    public bool MayGoOn { get; private set; }

    /// <summary>The server has taken the message for somebody.</summary>
    public bool HasDelivered { get; private set; }

    /// <summary>Its content was written to the last octet, but that may still be here.</summary>
    public bool ContentWritten { get; set; }

    /// <summary>The last octet of its content may have reached the server.</summary>
    public bool ContentSent { get; set; }

    /// <summary>Replies to the end of the content that came.</summary>
    public int EndReplies { get; private set; }

    /// <summary>The server had not ended the transaction before when it saw this one's MAIL: nothing it said of this one counts.</summary>
    public bool OutOfOrder { get; private set; }

    /// <summary>The server may have the transaction open still, so that the next one's MAIL would be refused, or worse, its recipients join this sender.</summary>
    public bool IsOpenAtServer { get; private set; }

    /// <summary>
    /// Takes the recipients from <paramref name="first"/> on that have no outcome, at most <paramref name="limit"/> and of no more different domains than <paramref name="domains"/> (RFC 9422 §4), and the content into memory unless that is large: what can't be read is known before anything is
    /// said to the server. Throws <see cref="SpoolReadException"/>.
    /// </summary>
    public void Begin(OutboundTransaction transaction, int first, int limit, int? domains, int largeBody)
    {
        _transaction = transaction;
        _first = first;
        _end = first;
        IsLast = true;
        Span<RecipientOutcome> outcomes = transaction.Result.Outcomes;
        HashSet<string>? seen = domains is null ? null : new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        for (int taken = 0; _end < outcomes.Length; _end++)
        {
            if (outcomes[_end].Kind == OutcomeKind.None && (++taken > limit || (seen is not null && seen.Add(DomainOf(transaction.Message, _end)) && seen.Count > domains)))
            {
                IsLast = false;
                break;
            }
        }

        NextRecipient = _first;
        Next = TransactionStep.Begin;
        IsChunk = Holds = Follows = HasDelivered = MayGoOn = ContentWritten = ContentSent = OutOfOrder = IsOpenAtServer = false;
        Unanswered = Accepted = EndReplies = 0;
        IsLarge = transaction.Body.Length > largeBody;
        Content = Load(transaction.Body);
    }

    /// <summary>Gives this outcome to all of its recipients that have none.</summary>
    public void SetRest(in RecipientOutcome outcome)
    {
        foreach (ref RecipientOutcome own in Transaction.Result.Outcomes[_first.._end])
        {
            if (own.Kind == OutcomeKind.None)
            {
                own = outcome;
            }
        }
    }

    /// <summary>Gives this outcome to the first of its recipients that has none: LMTP answers for them in their order (RFC 2033 §4.2).</summary>
    public void SetNext(in RecipientOutcome outcome)
    {
        foreach (ref RecipientOutcome own in Transaction.Result.Outcomes[_first.._end])
        {
            if (own.Kind == OutcomeKind.None)
            {
                own = outcome;
                return;
            }
        }
    }

    /// <summary>
    /// Takes a reply to one of its commands: what it means for the recipients, and for what may be said next. A failure ends the connection. <paramref name="isAnswered"/>: the command gets no further reply, as the end
    /// of a message does by LMTP.
    /// </summary>
    public AttemptFailure? Take(SmtpPhase phase, int recipient, in PeerReply reply, bool lmtp, out bool isAnswered)
    {
        isAnswered = false;
        AttemptFailure? failure = AttemptFailure.OfReply(phase, reply);
        if (failure is { Scope: FailureScope.Host or FailureScope.Connection } && (phase != SmtpPhase.End || failure.OutOfStep))
        {
            return failure;
        }

        switch (phase)
        {
            case SmtpPhase.Mail when failure is not null && Follows && reply.Code == 503:
                // It doesn't see that the transaction before has ended: what it says of this one is about another.
                OutOfOrder = true;
                IsOpenAtServer = true;
                break;
            case SmtpPhase.Mail:
                IsOpenAtServer = failure is null;
                Refuse(failure);
                break;
            case SmtpPhase.Recipient when failure is null:
                Accepted++;
                break;
            case SmtpPhase.Recipient when IsOpen(recipient) && !OutOfOrder:
                Transaction.Result.Outcomes[recipient] = failure!.Outcome;
                break;
            case SmtpPhase.Data when failure is null && (OutOfOrder || (lmtp && Accepted == 0)):
                // RFC 2033 §4.2: no reply would come to the end.
                return AttemptFailure.Protocol(FailureScope.Host, "the server answered DATA with 354 without a recipient");
            case SmtpPhase.Data:
                MayGoOn = failure is null;
                Next = failure is null ? Next : TransactionStep.Written;
                Refuse(failure);
                break;
            case SmtpPhase.End:
                return TakeEnd(reply, failure, lmtp, out isAnswered);
        }

        isAnswered = true;
        return null;
    }

    public bool IsOpen(int recipient) => Transaction.Result.Outcomes[recipient].Kind == OutcomeKind.None;

    /// <summary>The content has been copied on its way.</summary>
    public void ReleaseContent()
    {
        Content = null;
        if (_rented is not null)
        {
            ArrayPool<byte>.Shared.Return(_rented);
            _rented = null;
        }
    }

    public void End()
    {
        ReleaseContent();
        _transaction = null;
    }

    private static string DomainOf(QueuedMessage message, int recipient)
    {
        ReadOnlySpan<byte> address = message.Message.Envelope.Recipient(message.Recipients[recipient]);
        return System.Text.Encoding.UTF8.GetString(address[(address.LastIndexOf((byte)'@') + 1)..]);
    }

    private AttemptFailure? TakeEnd(in PeerReply reply, AttemptFailure? failure, bool lmtp, out bool isAnswered)
    {
        isAnswered = false;
        if (failure is null && !ContentSent)
        {
            return AttemptFailure.Protocol(FailureScope.Host, "the server took the message before it had all of it");
        }

        // One reply for each recipient that was accepted, and one when there was none (RFC 2033 §4.2).
        isAnswered = !lmtp || ++EndReplies >= Accepted;
        if (OutOfOrder)
        {
            if (failure is null)
            {
                SetRest(AttemptFailure.Protocol(FailureScope.Message, "the server answered out of order").Unconfirmed().Outcome);
            }
        }
        else if (Accepted > 0)
        {
            RecipientOutcome outcome = failure?.Outcome ?? new RecipientOutcome(OutcomeKind.Delivered, reply);
            if (lmtp)
            {
                SetNext(outcome);
            }
            else
            {
                SetRest(outcome);
            }

            HasDelivered |= failure is null;
            IsOpenAtServer = IsChunk && failure is not null;
        }

        return failure is { Scope: FailureScope.Host } ? failure : null;
    }

    private void Refuse(AttemptFailure? failure)
    {
        if (failure is not null && !OutOfOrder)
        {
            SetRest(failure.Outcome);
        }
    }

    private ReadOnlySequence<byte>? Load(SpoolBody body)
    {
        if (body.TryGetMemory(out ReadOnlySequence<byte> cached))
        {
            return cached;
        }

        if (IsLarge)
        {
            return null;
        }

        _rented = ArrayPool<byte>.Shared.Rent((int)body.Length);
        int length = (int)body.Length;
        body.Read(0, _rented.AsSpan(0, length));
        return new ReadOnlySequence<byte>(_rented, 0, length);
    }
}

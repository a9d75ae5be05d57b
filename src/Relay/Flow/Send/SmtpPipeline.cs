using System.Buffers;
using System.Runtime.CompilerServices;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Send;

/// <summary>
/// What was said on a connection and is not answered yet. One loop, which writes all that may be written now, sends it in one flight, and takes replies, each matched to its command; so every recipient gets
/// exactly one outcome. How much may be written without a reply:
/// <list type="bullet">
/// <item>to a server without PIPELINING one command;</item>
/// <item>MAIL, RCPT… and DATA; with CHUNKING (RFC 3030) BDAT and the content behind them;</item>
/// <item>the next transaction behind the end of a message (RFC 2920 §3.1), so that DATA costs one round trip a message, for its 354, and BDAT none as long as the depth lasts. In front of it goes RSET where
/// the fate of a chunk is not known: with all recipients refused its transaction would be open, and the next message's recipients would join the former sender;</item>
/// <item>but content waits for the replies to the recipients when it is large, until the connection has taken a first message, and, by BDAT, while nothing was heard since the connection was
/// idle: it may have died, and a message sent whole into a dead connection is one that may have been delivered.</item>
/// </list>
/// A host that can't follow is spoken to message by message (<see cref="RecentHosts"/>). The connection owner's; one run at a time.
/// </summary>
internal sealed class SmtpPipeline(OutboundConnection connection)
{
    /// <summary>So much is written before it is flushed: a connection's share of memory.</summary>
    private const int FlightLength = 64 * 1024;

    /// <summary>
    /// Replies that are waited for at once, but for one transaction's recipients more. They fit into what the connection takes in while nobody reads, so a server that must get rid of them before it reads on can't be
    /// waiting for us while we wait for it.
    /// </summary>
    private const int MaximumUnanswered = 200;

    /// <summary>For a server that said 421 to close the connection.</summary>
    private static readonly TimeSpan FarewellTimeout = TimeSpan.FromSeconds(2);

    private readonly Queue<AwaitedReply> _awaited = new();
    private readonly OpenTransactions _open = new(connection);
    private readonly ContentWriter _content = new(connection);
    private readonly bool _lmtp = connection.Key.Scheme == NextHopScheme.Lmtp;
    private SmtpClientSession? _session;
    private TransactionPart? _writing;
    private int _unflushed;
    private bool _heard;
    private bool _hasDelivered;
    private bool _alone;

    private SmtpClientSession Session => _session!;

    private bool Pipelines => connection.Extensions.Pipelining;

    /// <summary>As <see cref="SmtpClientSession.RunAsync"/>.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<AttemptFailure?> RunAsync(SmtpClientSession session, ITransactionSource source)
    {
        _session = session;
        _open.Use(source);
        _heard = false;
        _alone |= connection.Key.Address is { } address && session.Distrust.Contains(address);
        bool ended = false;
        try
        {
            AttemptFailure? failure = await WriteAsync().ConfigureAwait(false);
            while (failure is null && _awaited.Count > 0)
            {
                failure = await ReadAsync().ConfigureAwait(false) ?? await WriteAsync().ConfigureAwait(false);
            }

            failure ??= Unasked();
            if (failure is not null)
            {
                await EndAsync(failure).ConfigureAwait(false);
            }

            ended = true;
            return failure;
        }
        finally
        {
            if (!ended)
            {
                connection.Break();
                _open.Abandon();
            }
        }
    }

    /// <summary>Writes and sends what may be written now.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<AttemptFailure?> WriteAsync()
    {
        while (true)
        {
            _writing ??= await _open.BeginAsync(Pipelines && !_alone ? Session.PipelineDepth : 1).ConfigureAwait(false);
            if (_writing is not { } part || !MayWrite(part))
            {
                break;
            }

            if (_awaited.Count == 0 && Unasked() is { } unasked)
            {
                return unasked;
            }

            if (part.Next != TransactionStep.Content)
            {
                WriteCommands(part);
            }
            else if (await WriteContentAsync(part).ConfigureAwait(false) is { } failure)
            {
                return failure;
            }

            if (part.Next == TransactionStep.Written)
            {
                _writing = null;
                await _open.CompleteAsync().ConfigureAwait(false);
            }
        }

        return _unflushed > 0 ? await FlushAsync().ConfigureAwait(false) : null;
    }

    private bool MayWrite(TransactionPart part) => part.Next switch
    {
        _ when _awaited.Count >= MaximumUnanswered => false,
        TransactionStep.Begin => _awaited.Count == 0 || (Pipelines && !part.IsLarge),
        TransactionStep.Content => part.IsChunk || part.MayGoOn,
        TransactionStep.Data when part.Holds => part.Unanswered == 0,
        _ => Pipelines || _awaited.Count == 0,
    };

    /// <summary>What comes next of it but for the content: all of the envelope when the server pipelines, one command otherwise.</summary>
    private void WriteCommands(TransactionPart part)
    {
        OutboundTransaction transaction = part.Transaction;
        switch (part.Next)
        {
            case TransactionStep.Begin:
                part.Holds = part.IsLarge || !_hasDelivered || !Pipelines || (part.IsChunk && !_heard);
                part.Next = TransactionStep.Mail;
                if (_open.TakeReset(part))
                {
                    CommandWriter.Rset(connection.Output);
                    Await(part, SmtpPhase.Reset);
                }

                break;
            case TransactionStep.Mail:
                HopRules.WriteMail(connection.Output, transaction.Message, transaction.Body.Length, connection.Extensions, connection.IsAuthenticated, Session.Time.GetUtcNow());
                Await(part, SmtpPhase.Mail);
                connection.Mails++;
                part.Next = TransactionStep.Recipients;
                break;
            case TransactionStep.Recipients:
                WriteRecipients(part);
                break;
            case TransactionStep.Data when part.Unanswered == 0 && part.Accepted == 0:
                part.Next = TransactionStep.Written;
                break;
            case TransactionStep.Data when part.IsChunk:
                CommandWriter.Bdat(connection.Output, transaction.Body.Length, last: true);
                Await(part, SmtpPhase.End);
                part.Next = TransactionStep.Content;
                break;
            default:
                CommandWriter.Data(connection.Output);
                Await(part, SmtpPhase.Data);
                part.Next = TransactionStep.Content;
                break;
        }
    }

    private void WriteRecipients(TransactionPart part)
    {
        QueuedMessage message = part.Transaction.Message;
        Envelope.RecipientEnumerator envelope = message.Message.Envelope.GetEnumerator();
        int at = -1;
        for (; part.NextRecipient < part.EndRecipient; part.NextRecipient++)
        {
            if (!part.IsOpen(part.NextRecipient))
            {
                continue;
            }

            if (!Pipelines && _awaited.Count > 0)
            {
                return;
            }

            int place = message.Recipients[part.NextRecipient];
            if (place < at)
            {
                envelope = message.Message.Envelope.GetEnumerator();
                at = -1;
            }

            for (; at < place; at++)
            {
                envelope.MoveNext();
            }

            HopRules.WriteRcpt(connection.Output, envelope, connection.Extensions);
            Await(part, SmtpPhase.Recipient, part.NextRecipient);
        }

        part.Next = TransactionStep.Data;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<AttemptFailure?> WriteContentAsync(TransactionPart part)
    {
        if (!part.IsChunk)
        {
            // Before the content, because a server may refuse it while it is still on its way.
            Await(part, SmtpPhase.End);
        }

        AttemptFailure? failure = null;
        if (!part.IsChunk && part.Accepted == 0)
        {
            // RFC 2920 §3.1: a server that says 354 without a recipient gets an empty message, and whatever it answers counts for nothing.
            connection.Output.Write(".\r\n"u8);
        }
        else
        {
            failure = await WritePiecesAsync(part).ConfigureAwait(false);
        }

        part.ReleaseContent();
        if (failure is not null)
        {
            return failure;
        }

        part.ContentWritten = true;
        part.Next = TransactionStep.Written;
        return _unflushed >= FlightLength ? await FlushAsync().ConfigureAwait(false) : null;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<AttemptFailure?> WritePiecesAsync(TransactionPart part)
    {
        try
        {
            _content.Begin(part);
            bool more;
            do
            {
                if (_unflushed >= FlightLength && await FlushAsync().ConfigureAwait(false) is { } failure)
                {
                    return failure;
                }

                more = _content.WriteMore(out int octets);
                _unflushed += octets;
            }
            while (more);

            return null;
        }
        catch (SpoolReadException e)
        {
            // The server has half of it, which counts for nothing once the connection is gone.
            AttemptFailure unreadable = AttemptFailure.Unreadable(e);
            part.Transaction.Result.SetRest(unreadable.Outcome);
            return unreadable;
        }
    }

    private void Await(TransactionPart part, SmtpPhase phase, int recipient = -1)
    {
        _awaited.Enqueue(new AwaitedReply(part, phase, recipient));
        part.Unanswered++;
        // It says that there is something; only content counts by its length.
        _unflushed++;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<AttemptFailure?> FlushAsync()
    {
        _open.MarkSent();
        _unflushed = 0;
        if (await connection.FlushAsync(Session.Timeouts.Body).ConfigureAwait(false) is not { } unsent)
        {
            return null;
        }

        // What the server said before counts, and may be the reason.
        while (_awaited.Count > 0 && connection.TryReadReply(out PeerReply reply))
        {
            if (Take(reply) is { } failure)
            {
                return failure;
            }
        }

        return AttemptFailure.Lost(FailureScope.Connection, unsent, "the server to take what was sent");
    }

    /// <summary>Waits for a reply, and takes what others there are.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<AttemptFailure?> ReadAsync()
    {
        AwaitedReply awaited = _awaited.Peek();
        ReplyRead read = await connection.ReadReplyAsync(awaited.TimeoutIn(Session.Timeouts)).ConfigureAwait(false);
        if (read.Failure is { } lost)
        {
            return read.IsMalformed ? AttemptFailure.Protocol(FailureScope.Connection, lost) : AttemptFailure.Lost(lost, awaited.Phase);
        }

        PeerReply reply = read.Reply;
        do
        {
            if (Take(reply) is { } failure)
            {
                return failure;
            }

            if (_writing is { Next: TransactionStep.Written })
            {
                _writing = null;
            }

            await _open.CompleteAsync().ConfigureAwait(false);
        }
        while (_awaited.Count > 0 && connection.TryReadReply(out reply));

        return null;
    }

    /// <summary>Takes a reply for what it answers. A failure ends the connection.</summary>
    private AttemptFailure? Take(in PeerReply reply)
    {
        (TransactionPart part, SmtpPhase phase, int recipient) = _awaited.Peek();
        _heard = true;
        bool inOrder = !part.OutOfOrder;
        AttemptFailure? failure = part.Take(phase, recipient, reply, _lmtp, out bool isAnswered);
        if (inOrder && part.OutOfOrder)
        {
            Distrust();
        }

        _hasDelivered |= part.HasDelivered;
        if (isAnswered)
        {
            _awaited.Dequeue();
            part.Unanswered--;
        }

        return failure;
    }

    /// <summary>What the server says while nothing is unanswered: good-bye, or a sign that it is out of step.</summary>
    private AttemptFailure? Unasked()
    {
        if (!connection.HasInput)
        {
            return null;
        }

        return connection.TryReadReply(out PeerReply reply) && reply.Code == 421
            ? AttemptFailure.Refused(reply)
            : AttemptFailure.Protocol(FailureScope.Connection, "the server replied to what was not said");
    }

    private void Distrust()
    {
        _alone = true;
        if (connection.Key.Address is { } address)
        {
            Session.Distrust.Add(address);
        }
    }

    /// <summary>The connection has ended, or must: each transaction goes by what it had reached.</summary>
    private async ValueTask EndAsync(AttemptFailure failure)
    {
        connection.Break();
        _writing = null;
        (int unanswered, bool anySent) = _open.Unanswered();

        // A server that says 421 and closes has not looked at what came behind the command that it refused.
        bool farewell = failure.Reply.Code == 421 && (!anySent || await connection.EndsAsync(FarewellTimeout).ConfigureAwait(false));
        if (failure.OutOfStep || (!farewell && unanswered > 1))
        {
            Distrust();
        }

        await _open.EndAsync(failure, farewell).ConfigureAwait(false);
        _awaited.Clear();
    }
}

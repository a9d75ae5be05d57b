using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Send;

/// <summary>
/// One mail transaction as the client (RFC 5321 §3.3): the envelope in one flight when the server pipelines (RFC 2920), the stored bytes as they are, and each reply matched
/// to its command, so that every recipient gets exactly one outcome. Stateless; any thread, one transaction per connection at a time.
/// </summary>
internal sealed class SmtpClientSession(DeliveryTimeouts timeouts)
{
    private const int PieceLength = 64 * 1024;

    /// <summary>Sends messages until the source has none, or the connection is of no use any more: then why.</summary>
    public async ValueTask<AttemptFailure?> RunAsync(OutboundConnection connection, ITransactionSource source)
    {
        while (connection.IsUsable && source.Next() is { } transaction)
        {
            AttemptFailure? failure;
            try
            {
                failure = await SendAsync(connection, transaction.Message, transaction.Body, transaction.Result).ConfigureAwait(false);
            }
            catch (SpoolReadException)
            {
                connection.Break();
                transaction.Result.SetRest(new RecipientOutcome(OutcomeKind.Deferred, AttemptFailure.LocalReply(4, 3, 0, "the message cannot be read from the spool")));
                failure = null;
            }

            if (failure is { Scope: FailureScope.Unconfirmed })
            {
                transaction.Result.SetRest(new RecipientOutcome(OutcomeKind.Deferred, failure.Reply));
                await source.DoneAsync(transaction).ConfigureAwait(false);
                return null;
            }

            if (failure is not null)
            {
                source.GiveBack(transaction);
                return failure;
            }

            await source.DoneAsync(transaction).ConfigureAwait(false);
        }

        return null;
    }

    /// <summary>
    /// Null: every recipient has its outcome. Otherwise the failure reaches all those that have none, and its scope says what may be tried next.
    /// The connection says itself whether it can be used again.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<AttemptFailure?> SendAsync(OutboundConnection connection, QueuedMessage message, SpoolBody body, AttemptResult result)
    {
        ServerExtensions server = connection.Extensions;
        if (server.SizeLimit is > 0 and long limit && body.Length > limit)
        {
            // RFC 1870 §6.3: the server has said beforehand that it will refuse it.
            result.SetRest(new RecipientOutcome(OutcomeKind.Failed, AttemptFailure.LocalReply(5, 3, 4, $"the message has {body.Length} octets, the server takes {limit}")));
            return null;
        }

        bool needsUtf8 = NeedsUtf8(message);
        if (CannotTake(message, needsUtf8, server) is { } reason)
        {
            result.SetRest(new RecipientOutcome(OutcomeKind.Failed, reason));
            return null;
        }

        WriteMail(connection, message, body.Length, needsUtf8, server);
        if (server.Pipelining)
        {
            foreach (ushort recipient in message.Recipients)
            {
                CommandWriter.Rcpt(connection.Output, message.Message.Envelope.Recipient(recipient));
            }

            CommandWriter.Data(connection.Output);
        }

        ReplyRead mail = await ExchangeAsync(connection).ConfigureAwait(false);
        if (Broken(connection, mail, "the reply to MAIL") is { } mailFailure)
        {
            return mailFailure;
        }

        bool accepted = mail.Reply.IsPositive;
        if (!accepted)
        {
            result.SetRest(Outcome(mail.Reply));
        }

        bool anyone = false;
        for (int i = 0; i < message.Recipients.Length && (accepted || server.Pipelining); i++)
        {
            if (!server.Pipelining)
            {
                CommandWriter.Rcpt(connection.Output, message.Message.Envelope.Recipient(message.Recipients[i]));
            }

            ReplyRead rcpt = server.Pipelining
                ? await connection.ReadReplyAsync(timeouts.Command).ConfigureAwait(false)
                : await ExchangeAsync(connection).ConfigureAwait(false);
            if (Broken(connection, rcpt, "the reply to RCPT") is { } rcptFailure)
            {
                return rcptFailure;
            }

            if (!accepted)
            {
                continue;
            }

            if (rcpt.Reply.IsPositive)
            {
                anyone = true;
            }
            else
            {
                // RFC 5321 §4.5.3.1.10: an old server says 552 for "too many recipients", which is temporary.
                result.Outcomes[i] = rcpt.Reply.Code == 552 ? new RecipientOutcome(OutcomeKind.Deferred, rcpt.Reply) : Outcome(rcpt.Reply);
            }
        }

        if (!server.Pipelining)
        {
            if (!anyone)
            {
                await ResetAsync(connection).ConfigureAwait(false);
                return null;
            }

            CommandWriter.Data(connection.Output);
        }

        ReplyRead data = server.Pipelining
            ? await connection.ReadReplyAsync(timeouts.Data).ConfigureAwait(false)
            : await ExchangeAsync(connection).ConfigureAwait(false);
        if (Broken(connection, data, "the reply to DATA") is { } dataFailure)
        {
            return anyone ? dataFailure : null;
        }

        if (data.Reply.Code != 354)
        {
            if (data.Reply.IsPositive || data.Reply.IsIntermediate)
            {
                connection.Break();
                return anyone ? AttemptFailure.Protocol(FailureScope.Host, $"the server answered DATA with {data.Reply.Code}") : null;
            }

            result.SetRest(Outcome(data.Reply));
            await ResetAsync(connection).ConfigureAwait(false);
            return null;
        }

        if (!anyone)
        {
            // RFC 2920 §3.1: a server that says 354 without a recipient gets an empty message, and whatever it answers counts for nothing.
            connection.Output.Write(".\r\n"u8);
            await ExchangeAsync(connection).ConfigureAwait(false);
            return null;
        }

        if (await SendBodyAsync(connection, message, body).ConfigureAwait(false) is { } unsent)
        {
            connection.Break();
            return AttemptFailure.Lost(FailureScope.Connection, unsent, "the message to be taken");
        }

        ReplyRead end = await connection.ReadReplyAsync(timeouts.EndOfData).ConfigureAwait(false);
        if (end.Failure is { } unanswered)
        {
            return AttemptFailure.Lost(FailureScope.Unconfirmed, unanswered, "the reply to the end of the message (it may have been delivered)");
        }

        if (end.Reply.Code == 421 || end.Reply.IsIntermediate)
        {
            connection.Break();
        }

        result.SetRest(Outcome(end.Reply));
        return null;
    }

    /// <summary>What this server can't be given and nobody may turn into something else on the way: null when there is nothing of it.</summary>
    private static PeerReply? CannotTake(QueuedMessage message, bool needsUtf8, in ServerExtensions server)
    {
        if (message.Message.Envelope.Flags.HasFlag(EnvelopeFlags.Binary))
        {
            // RFC 3030 §3: by BDAT alone, which we don't send.
            return AttemptFailure.LocalReply(5, 6, 3, "the message is binary and can't be sent as lines of text");
        }

        // RFC 6531 §3.2: an address that isn't ASCII has no other form.
        return needsUtf8 && !server.SmtpUtf8 ? AttemptFailure.LocalReply(5, 6, 7, "an address is not ASCII, and the server does not offer SMTPUTF8") : null;
    }

    private static bool NeedsUtf8(QueuedMessage message)
    {
        Envelope envelope = message.Message.Envelope;
        if (!Ascii.IsValid(envelope.ReversePath))
        {
            return true;
        }

        if (envelope.Flags.HasFlag(EnvelopeFlags.SmtpUtf8))
        {
            foreach (ushort recipient in message.Recipients)
            {
                if (!Ascii.IsValid(envelope.Recipient(recipient)))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static void WriteMail(OutboundConnection connection, QueuedMessage message, long size, bool needsUtf8, in ServerExtensions server)
    {
        Envelope envelope = message.Message.Envelope;
        bool eightBit = server.EightBitMime && (envelope.Body == BodyType.EightBitMime || envelope.Flags.HasFlag(EnvelopeFlags.EightBit));
        bool utf8 = needsUtf8 || (server.SmtpUtf8 && envelope.Flags.HasFlag(EnvelopeFlags.SmtpUtf8));
        CommandWriter.Mail(connection.Output, envelope.ReversePath, server.SizeLimit is null ? -1 : size, eightBit ? BodyType.EightBitMime : BodyType.Unspecified, utf8);
    }

    private static RecipientOutcome Outcome(PeerReply reply) => new(
        reply.IsPositive ? OutcomeKind.Delivered : reply.IsPermanent ? OutcomeKind.Failed : OutcomeKind.Deferred, reply);

    /// <summary>No reply, or one that ends the connection: 421 may come at any time (RFC 5321 §3.8).</summary>
    private static AttemptFailure? Broken(OutboundConnection connection, in ReplyRead read, string what)
    {
        if (read.Failure is { } lost)
        {
            connection.Break();
            return AttemptFailure.Lost(FailureScope.Connection, lost, what);
        }

        if (read.Reply.Code == 421)
        {
            connection.Break();
            return AttemptFailure.Refused(read.Reply);
        }

        return null;
    }

    private async ValueTask<ReplyRead> ExchangeAsync(OutboundConnection connection)
    {
        string? unsent = await connection.FlushAsync(timeouts.Command).ConfigureAwait(false);
        return unsent is null ? await connection.ReadReplyAsync(timeouts.Command).ConfigureAwait(false) : new ReplyRead(default, unsent);
    }

    /// <summary>After a transaction that came to nothing, so that the next one begins clean.</summary>
    private async ValueTask ResetAsync(OutboundConnection connection)
    {
        CommandWriter.Rset(connection.Output);
        ReplyRead reset = await ExchangeAsync(connection).ConfigureAwait(false);
        if (reset.Failure is not null || !reset.Reply.IsPositive)
        {
            connection.Break();
        }
    }

    /// <summary>Sends the message and the end of the data. Null, or why it failed.</summary>
    private async ValueTask<string?> SendBodyAsync(OutboundConnection connection, QueuedMessage message, SpoolBody body)
    {
        var encoder = new DataEncoder(raw: !message.Message.Envelope.Flags.HasFlag(EnvelopeFlags.HasLeadingDot));
        if (body.TryGetMemory(out ReadOnlySequence<byte> cached))
        {
            foreach (ReadOnlyMemory<byte> segment in cached)
            {
                encoder.Write(segment.Span, connection.Output);
            }
        }
        else
        {
            byte[] piece = ArrayPool<byte>.Shared.Rent(PieceLength);
            try
            {
                for (long offset = 0; offset < body.Length;)
                {
                    int read = body.Read(offset, piece);
                    encoder.Write(piece.AsSpan(0, read), connection.Output);
                    offset += read;
                    if (await connection.FlushAsync(timeouts.Body).ConfigureAwait(false) is { } unsent)
                    {
                        return unsent;
                    }
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(piece);
            }
        }

        encoder.Finish(connection.Output);
        return await connection.FlushAsync(timeouts.Body).ConfigureAwait(false);
    }
}

using System.Runtime.CompilerServices;
using System.IO.Pipelines;
using Relay.Concurrency;
using Relay.Flow.Policy;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Telemetry;

namespace Relay.Flow.Accept;

/// <summary>
/// One mail transaction (RFC 5321 §3.3): sender, recipients and message as one object, begun by MAIL and cleared as a whole, so that nothing of one
/// transaction can reach the next. Commit, hand-over to the queue and the answer 250 are its last steps, in this order. Used by one session's loop only.
/// </summary>
internal sealed class MailTransaction(SessionClient client, SessionServices services, AcceptSettings settings) : IDisposable
{
    private readonly EnvelopeBuilder _envelope = new();
    private readonly MessageReceiver _receiver = new(services.Time, settings.Limits);
    private long _size;
    private SpoolTransaction? _spool;

    public void Reset()
    {
        _envelope.Reset();
        _spool?.Dispose();
        _spool = null;
    }

    /// <summary>MAIL: null when the sender was accepted, or the refusal.</summary>
    public Reply? Begin(in Command command)
    {
        if (command.Mail.Size > settings.Limits.MessageSize)
        {
            return Replies.MessageTooBig552;
        }

        SpoolFailure storage = services.Spool.Answer(command.Mail.Size);
        if (storage != SpoolFailure.None)
        {
            return ReplyFor(storage);
        }

        _size = command.Mail.Size;
        _envelope.Begin(command.Path, command.Mail, services.Time.GetUtcNow());
        return null;
    }

    /// <summary>RCPT: null when the recipient was accepted (also a second time: it gets the message once), or the refusal.</summary>
    public Reply? AddRecipient(in Command command)
    {
        if (_envelope.RecipientCount >= settings.Limits.Recipients)
        {
            return Replies.TooManyRecipients452;
        }

        // RFC 5321 §4.5.1: postmaster without a domain is always accepted.
        if (command.Domain.IsEmpty)
        {
            _envelope.TryAdd(settings.Permission.Postmaster);
            return null;
        }

        Reply? refusal = settings.Permission.Check(command.Path, command.Domain, client.MayRelay);
        if (refusal is null)
        {
            _envelope.TryAdd(command.Path, command.Rcpt);
        }

        return refusal;
    }

    /// <summary>DATA, after 354: reads the message, stores it, queues it. The transaction is over whatever came of it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<MailResult> ReceiveAsync(PipeReader input, Deadline deadline, bool tls)
    {
        DateTimeOffset arrived = services.Time.GetUtcNow();
        SpoolTransaction spool = _spool = services.Spool.Begin(_size);
        QueueId id = spool.Id;
        try
        {
            WriteReceived(spool, id, arrived, tls);
            ReceiveStatus status = await _receiver.ReceiveAsync(input, spool, deadline).ConfigureAwait(false);
            if (status is not ReceiveStatus.Complete)
            {
                return new MailResult(status, status == ReceiveStatus.TooBig ? Replies.MessageTooBig552 : null, id);
            }

            if (_receiver.HasBareLineEnding)
            {
                return new MailResult(status, Replies.BareLineEnding554, id);
            }

            if (LoopCheck.Refusal(_receiver.ReceivedFields) is { } loop)
            {
                return new MailResult(status, loop, id);
            }

            _envelope.AddFlags(_receiver.Flags);
            CommitResult commit = await spool.CommitAsync(_envelope.Build(), arrived, client.EndPoint.Address).ConfigureAwait(false);
            if (commit.Message is not { } message)
            {
                return new MailResult(status, ReplyFor(commit.Failure), id);
            }

            Record(message);
            services.Queue.Enqueue(message);
            return new MailResult(status, null, id);
        }
        finally
        {
            Reset();
        }
    }

    public void Dispose() => Reset();

    /// <summary>Local trouble is never the message's fault: every failure of the spool is a temporary refusal.</summary>
    private static Reply ReplyFor(SpoolFailure failure) => failure == SpoolFailure.Full ? Replies.StorageFull452 : Replies.LocalError451;

    private void WriteReceived(SpoolTransaction spool, QueueId id, DateTimeOffset arrived, bool tls) => ReceivedField.Write(spool, new ReceivedInfo
    {
        Hello = client.Hello,
        ClientName = client.Name,
        ClientAddress = client.EndPoint.Address,
        By = settings.Hostname,
        Protocol = !client.IsExtended ? "SMTP" : tls ? "ESMTPS" : "ESMTP",
        Id = id,
        // RFC 5321 §4.4 with a hint in its §7.2: "for" only when there is one recipient, or it gives away the blind copies.
        For = _envelope.RecipientCount == 1 ? _envelope.FirstRecipient : default,
        Date = arrived,
    });

    private void Record(SpooledMessage message)
    {
        services.Metrics.MessageReceived(message.Size);
        foreach (ReadOnlySpan<byte> recipient in message.Envelope)
        {
            services.Deliveries.Write(new DeliveryRecord
            {
                Time = message.Arrived,
                Id = message.Id,
                Event = DeliveryEvent.Received,
                Size = message.Size,
                Client = client.AddressText,
                Hello = client.HelloText,
            }, message.Envelope.ReversePath, recipient);
        }
    }
}

using System.Buffers;
using System.Security.Cryptography;
using Relay.Dkim;
using Relay.Flow.Queue;
using Relay.Protocol.Dsn;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Settle;

/// <summary>
/// Tells a sender that recipients were given up, or are late (RFC 3464): a message of our own with the null reverse-path, stored and queued like any other. Any thread.
/// </summary>
internal sealed class BounceMessage(MessageSpool spool, MessageQueue queue, MessageSigner signer, string hostname, TimeProvider time)
{
    private volatile string _hostname = hostname;

    /// <summary>Reports from now on are by this name.</summary>
    public void Apply(string hostname) => _hostname = hostname;

    /// <summary>With <paramref name="retryUntil"/> the recipients are merely late, and tried until then. False when the report could not be made durable.</summary>
    public async ValueTask<bool> SendAsync(SpooledMessage original, IReadOnlyList<BounceRecipient> failures, DateTimeOffset? retryUntil, string? remoteHost)
    {
        using SpoolTransaction report = spool.Begin(mayUseReserve: true);
        DateTimeOffset now = time.GetUtcNow();
        Sign(report, original, failures, retryUntil, remoteHost, now);
        await report.FlushAsync().ConfigureAwait(false);
        var envelope = new EnvelopeBuilder();
        // The sender's own address may need it.
        envelope.Begin([], BodyType.Unspecified, original.Envelope.Flags & EnvelopeFlags.SmtpUtf8);
        envelope.TryAdd(original.Envelope.ReversePath);
        // A header field of the original may begin with a dot: whether the report's lines do is not worth a pass, stuffing is always right.
        envelope.AddFlags(EnvelopeFlags.HasLeadingDot);
        CommitResult commit = await report.CommitAsync(envelope.Build(), now, null).ConfigureAwait(false);
        if (commit.Message is not { } message)
        {
            return false;
        }

        if (!commit.IsParked)
        {
            queue.Enqueue(message);
        }

        return true;
    }

    private void Sign(SpoolTransaction report, SpooledMessage original, IReadOnlyList<BounceRecipient> failures, DateTimeOffset? retryUntil, string? remoteHost, DateTimeOffset now)
    {
        MessageSigning? signing = signer.Begin(report);
        try
        {
            Write(signing is null ? report : signing, report.Id, original, failures, retryUntil, remoteHost, now);
            if (signing is not null)
            {
                report.Prepend(signing.Sign(now));
            }
        }
        finally
        {
            if (signing is not null)
            {
                signer.Return(signing);
            }
        }
    }

    private void Write(IBufferWriter<byte> report, QueueId id, SpooledMessage original, IReadOnlyList<BounceRecipient> failures, DateTimeOffset? retryUntil, string? remoteHost, DateTimeOffset now)
    {
        bool tooLate = original.Envelope.DeliverByMode == DeliverByMode.Return && original.Envelope.DeliverBy <= now;
        var recipients = new FailedRecipient[failures.Count];
        for (int i = 0; i < recipients.Length; i++)
        {
            BounceRecipient failure = failures[i];
            // A reply without a code is one of ours: no server said it.
            bool fromServer = failure.Reply.Code != 0;
            EnhancedStatusCode status = failure.IsExpired ? new EnhancedStatusCode((byte)(retryUntil is null ? 5 : 4), 4, 7) : failure.Reply.Enhanced.Class == 5 ? failure.Reply.Enhanced : default;
            string explanation = retryUntil is not null ? "The time by which you wanted it delivered has passed. The last reason was: " + failure.Reply.Text
                : failure.IsExpired && tooLate ? "The message could not be delivered by the time you set. The last reason was: " + failure.Reply.Text
                : failure.IsExpired ? "The message could not be delivered within the time it is kept. The last reason was: " + failure.Reply.Text
                : fromServer ? "The server refused the message for this recipient." : failure.Reply.Text;
            recipients[i] = new FailedRecipient(original.Envelope.RecipientText(failure.Recipient), status, explanation, fromServer ? failure.Reply : null, fromServer ? remoteHost : null);
        }

        Span<byte> token = stackalloc byte[16];
        RandomNumberGenerator.Fill(token);
        var info = new FailureReportInfo
        {
            Host = _hostname,
            ReversePath = original.Envelope.ReversePath,
            OriginalId = original.Id,
            Id = id,
            Token = BitConverter.ToUInt128(token),
            Arrived = original.Arrived,
            Date = now,
            Recipients = recipients,
            RetryUntil = retryUntil,
        };
        FailureReport.WriteHead(report, info);
        FailureReport.WriteOriginalHeader(report, Header(original));
        FailureReport.WriteTail(report, info);
    }

    /// <summary>The beginning of the original, as far as its header may reach. One that can't be read any more is reported without.</summary>
    private byte[] Header(SpooledMessage original)
    {
        try
        {
            using SpoolBody body = spool.OpenBody(original);
            var header = new byte[(int)Math.Min(body.Length, FailureReport.MaximumOriginalHeader)];
            int length = body.Read(0, header);
            return header[..length];
        }
        catch (SpoolReadException)
        {
            // The reason is in the log already: the attempt that failed could not read it either.
            return [];
        }
    }
}

using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Relay.Dkim;
using Relay.Flow.Queue;
using Relay.Protocol.Dsn;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Settle;

/// <summary>
/// Tells a sender what became of recipients (RFC 3461, RFC 3464): a message of our own with the null reverse-path, stored, signed and queued like any other. Any thread.
/// </summary>
internal sealed class ReportMessage(MessageSpool spool, MessageQueue queue, MessageSigner signer, string hostname, ReportOptions options, TimeProvider time)
{
    /// <summary>Pieces in which a whole original is copied.</summary>
    private const int PieceLength = 64 * 1024;

    private volatile Settings _settings = new(hostname, ReportTexts.For(options.Language, options.Texts), options.FullSize);

    /// <summary>Reports from now on are by this name and in this language.</summary>
    public void Apply(string hostname, ReportOptions options) => _settings = new Settings(hostname, ReportTexts.For(options.Language, options.Texts), options.FullSize);

    /// <summary>All recipients have this action. With <paramref name="retryUntil"/> they are merely late, and tried until then. False when the report could not be made durable.</summary>
    public async ValueTask<bool> SendAsync(SpooledMessage original, ReportAction action, IReadOnlyList<SettledRecipient> recipients, DateTimeOffset? retryUntil, string? remoteHost)
    {
        using SpoolTransaction report = spool.Begin(mayUseReserve: true);
        DateTimeOffset now = time.GetUtcNow();
        Sign(report, original, action, recipients, retryUntil, remoteHost, now);
        await report.FlushAsync().ConfigureAwait(false);
        var envelope = new EnvelopeBuilder();
        // The sender's own address may need the one; RFC 8689 §5 asks for the other.
        envelope.Begin([], BodyType.Unspecified, original.Envelope.Flags & (EnvelopeFlags.SmtpUtf8 | EnvelopeFlags.RequireTls));
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

    private void Sign(SpoolTransaction report, SpooledMessage original, ReportAction action, IReadOnlyList<SettledRecipient> recipients, DateTimeOffset? retryUntil, string? remoteHost, DateTimeOffset now)
    {
        MessageSigning? signing = signer.Begin(report);
        try
        {
            Write(signing is null ? report : signing, report.Id, original, action, recipients, retryUntil, remoteHost, now);
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

    private void Write(
        IBufferWriter<byte> report, QueueId id, SpooledMessage original, ReportAction action, IReadOnlyList<SettledRecipient> recipients, DateTimeOffset? retryUntil, string? remoteHost, DateTimeOffset now)
    {
        Settings settings = _settings;
        var machine = new ReportedRecipient[recipients.Count];
        var people = new ReportEntry[recipients.Count];
        for (int i = 0; i < machine.Length; i++)
        {
            (machine[i], people[i]) = Describe(original, action, recipients[i], remoteHost, now);
        }

        // A whole message that isn't 7-bit would make the report one that not every server takes; one that required TLS isn't shown on a way of which that isn't known (RFC 8689 §5).
        bool isFull = action == ReportAction.Failed && original.Envelope.Return == DsnReturn.Full && original.Size <= settings.FullSize &&
            original.Envelope.Body != BodyType.EightBitMime && (original.Envelope.Flags & (EnvelopeFlags.EightBit | EnvelopeFlags.Binary | EnvelopeFlags.RequireTls)) == 0;
        Span<byte> token = stackalloc byte[16];
        RandomNumberGenerator.Fill(token);
        var info = new StatusReportInfo
        {
            Host = settings.Hostname,
            ReversePath = original.Envelope.ReversePath,
            OriginalId = original.Id,
            EnvelopeId = original.Envelope.EnvelopeId,
            Id = id,
            Token = BitConverter.ToUInt128(token),
            Arrived = original.Arrived,
            Date = now,
            Recipients = machine,
            RetryUntil = retryUntil,
            Subject = settings.Texts.Subject(action),
            Text = settings.Texts.Compose(settings.Hostname, original.Id, retryUntil, action, people),
            Language = settings.Texts.Language,
            IsFull = isFull,
        };
        StatusReport.WriteHead(report, info);
        CopyOriginal(report, original, isFull);
        StatusReport.WriteTail(report, info);
    }

    private static (ReportedRecipient Machine, ReportEntry People) Describe(SpooledMessage original, ReportAction action, SettledRecipient recipient, string? remoteHost, DateTimeOffset now)
    {
        PeerReply reply = recipient.Outcome.Reply;
        // A reply without a code is one of ours: no server said it.
        bool fromServer = reply.Code != 0;
        EnhancedStatusCode status = recipient.IsExpired ? new EnhancedStatusCode(5, 4, 7)
            : action == ReportAction.Delayed ? new EnhancedStatusCode(4, 4, 7)
            : !fromServer && reply.Enhanced.Class == 5 ? reply.Enhanced
            : default;
        _ = original.Envelope.NotifyOf(recipient.Recipient, out ReadOnlySpan<byte> orcpt);
        string address = original.Envelope.RecipientText(recipient.Recipient);
        bool isLate = original.Envelope.DeliverBy <= now && (original.Envelope.DeliverByMode == DeliverByMode.Notify ? action == ReportAction.Delayed : recipient.IsExpired);
        return (
            new ReportedRecipient(address, action, status, fromServer ? reply : null, fromServer ? remoteHost : null)
            {
                OriginalRecipient = orcpt.IsEmpty ? null : Encoding.UTF8.GetString(orcpt),
            },
            new ReportEntry(address, recipient.Outcome.Class, recipient.IsExpired && !isLate, isLate, reply.Text.Length == 0 && !fromServer ? null : reply, remoteHost));
    }

    /// <summary>The original or the beginning of it, as far as its header may reach. One that can't be read any more is reported without.</summary>
    private void CopyOriginal(IBufferWriter<byte> report, SpooledMessage original, bool isFull)
    {
        byte[] piece = ArrayPool<byte>.Shared.Rent(Math.Max(PieceLength, StatusReport.MaximumOriginalHeader));
        try
        {
            using SpoolBody body = spool.OpenBody(original);
            if (!isFull)
            {
                StatusReport.WriteOriginalHeader(report, piece.AsSpan(0, body.Read(0, piece.AsSpan(0, (int)Math.Min(body.Length, StatusReport.MaximumOriginalHeader)))));
                return;
            }

            int read;
            for (long at = 0; (read = body.Read(at, piece.AsSpan(0, PieceLength))) > 0; at += read)
            {
                StatusReport.WriteOriginal(report, piece.AsSpan(0, read));
            }
        }
        catch (SpoolReadException)
        {
            // The reason is in the log already: the attempt that failed could not read it either.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    private sealed record Settings(string Hostname, ReportTexts Texts, long FullSize);
}

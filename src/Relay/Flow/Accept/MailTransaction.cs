using System.Buffers;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using Relay.Dkim;
using Relay.Flow.Milter;
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
internal sealed class MailTransaction(SessionClient client, SessionServices services, AcceptSettings settings, SessionMilters? milters) : IDisposable
{
    private readonly EnvelopeBuilder _envelope = new();
    private readonly MessageReceiver _receiver = new(services.Time, settings.Limits);
    private long _size;
    private readonly ChunkReceiver _chunks = new(services.Time, settings.Limits);
    private readonly MessageFilter? _filter = milters is null ? null : new MessageFilter(milters, services, settings.Limits);
    private SpoolTransaction? _spool;
    private MessageSigning? _signing;
    private SubmissionHeader? _submission;
    private bool _isSubmission;
    private DateTimeOffset _arrived;
    private bool _isSmtpUtf8;

    /// <summary>What the user has sent, and what of it this transaction has taken; null when nothing is to be counted.</summary>
    private UserUsage? _usage;
    private int _takenRecipients;

    /// <summary>MAIL said BODY=BINARYMIME: the message may be other than lines, and comes by BDAT (RFC 3030 §3).</summary>
    public bool IsBinary { get; private set; }

    /// <summary>The last recipient that was accepted wasn't there before.</summary>
    private bool _isAdded;

    /// <summary>Where the message's content goes.</summary>
    private IBufferWriter<byte> Content => _isSubmission ? _submission! : _signing is not null ? _signing : _spool!;

    /// <summary>Octets that this client's message may have.</summary>
    public long MaximumSize => client.Account?.Limits.MessageSize is { } own and > 0 ? Math.Min(own, settings.Limits.MessageSize) : settings.Limits.MessageSize;

    public void Reset()
    {
        _envelope.Reset();
        if (_usage is { } usage)
        {
            _usage = null;
            usage.Return(1, _takenRecipients);
        }

        if (_isSubmission)
        {
            _submission!.Reset();
            _isSubmission = false;
        }

        if (_signing is not null)
        {
            services.Signer.Return(_signing);
            _signing = null;
        }

        _spool?.Dispose();
        _spool = null;
        milters?.EndTransaction();
    }

    /// <summary>MAIL: null when the sender was accepted, or the refusal.</summary>
    public Reply? Begin(in Command command)
    {
        if (command.Mail.Size > MaximumSize)
        {
            return Replies.MessageTooBig552;
        }

        // The null reverse-path (receipts, RFC 8098 §2.1) says of nobody that he sent it; From is looked at too.
        if (!command.Path.IsEmpty && client.Account is { } account && !account.MaySendAs(command.Path))
        {
            return Replies.SenderNotYours553;
        }

        DateTimeOffset now = services.Time.GetUtcNow();
        FutureRelease hold = command.Mail.Hold;
        if (hold.Seconds > settings.MaximumHold.TotalSeconds || (hold.Until != default && hold.Until - now > settings.MaximumHold))
        {
            return Replies.HoldTooLong501;
        }

        SpoolFailure storage = services.Spool.Answer(command.Mail.Size);
        if (storage != SpoolFailure.None)
        {
            return ReplyFor(storage);
        }

        if (client.Account is { Limits.Counts: true } user && TakeMessage(user, now) is { } over)
        {
            return over;
        }

        _size = command.Mail.Size;
        _envelope.Begin(command.Path, command.Mail, now);
        if (client.Account?.TenantName is { } tenant)
        {
            _envelope.Belong(tenant);
        }

        _isSmtpUtf8 = command.Mail.SmtpUtf8;
        IsBinary = command.Mail.Body == BodyType.BinaryMime;
        return null;
    }

    /// <summary>RCPT: null when the recipient was accepted (also a second time: it gets the message once), or the refusal.</summary>
    public Reply? AddRecipient(in Command command)
    {
        if (_envelope.RecipientCount >= settings.Limits.Recipients)
        {
            return Replies.TooManyRecipients452;
        }

        // RFC 6531 §3.5: only where MAIL announced it.
        if (command.NeedsSmtpUtf8 && !_isSmtpUtf8)
        {
            return Replies.AddressNotAscii553;
        }

        // RFC 5321 §4.5.1: postmaster is always accepted, without a domain and at the address to which the client came.
        if (command.Domain.IsEmpty || IsPostmasterHere(command.Path, command.Domain))
        {
            return TakeRecipient() ?? Add(settings.Permission.Postmaster, default);
        }

        return settings.Permission.Check(command.Path, command.Domain, client.MayRelay) ?? TakeRecipient() ?? Add(command.Path, command.Rcpt);
    }

    /// <summary>The recipient that was accepted last is refused after all.</summary>
    public void TakeBackRecipient()
    {
        if (_isAdded)
        {
            _envelope.RemoveLast();
            _isAdded = false;
            GiveBackRecipient();
        }
    }

    /// <summary>A message is about to come: its id is known from now on.</summary>
    public void Open(SmtpChannel channel)
    {
        milters?.Begin(Open(channel.IsTls).Id.ToString());
        _chunks.Begin();
    }

    /// <summary>DATA, after 354: reads the message, stores it, queues it. The transaction is over whatever came of it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<MailResult> ReceiveAsync(SmtpChannel channel)
    {
        SpoolTransaction spool = _spool ?? Open(channel.IsTls);
        QueueId id = spool.Id;
        try
        {
            ReceiveStatus status = await _receiver.ReceiveAsync(channel.Input, spool, Content, channel.Deadline).ConfigureAwait(false);
            return status != ReceiveStatus.Complete
                ? new MailResult(status, status == ReceiveStatus.TooBig ? Replies.MessageTooBig552 : null, id)
                : await StoreAsync(spool, _receiver.HasBareLineEnding, _receiver.ReceivedFields, _receiver.Flags).ConfigureAwait(false);
        }
        finally
        {
            Reset();
        }
    }

    /// <summary>
    /// BDAT: reads one chunk; after the last one stores and queues the message. The transaction is over with that, and with every chunk that isn't accepted.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<MailResult> ReceiveChunkAsync(SmtpChannel channel, Chunk chunk)
    {
        if (_spool is not { } spool)
        {
            spool = Open(channel.IsTls);
            _chunks.Begin();
        }

        QueueId id = spool.Id;
        bool goesOn = false;
        try
        {
            ReceiveStatus status = await _chunks.ReceiveAsync(channel.Input, spool, Content, chunk.Size, channel.Deadline).ConfigureAwait(false);
            if (status == ReceiveStatus.Complete && chunk.IsLast)
            {
                return await StoreAsync(spool, _chunks.HasBareLineEnding && !IsBinary, _chunks.ReceivedFields, _chunks.Flags).ConfigureAwait(false);
            }

            goesOn = status == ReceiveStatus.Complete;
            return new MailResult(status, status == ReceiveStatus.TooBig ? Replies.MessageTooBig552 : null, id);
        }
        finally
        {
            if (!goesOn)
            {
                Reset();
            }
        }
    }

    /// <summary>Reads the octets of a chunk that isn't wanted, so that the next command is found behind them.</summary>
    public ValueTask<ReceiveStatus> SwallowAsync(SmtpChannel channel, Chunk chunk) => _chunks.ReceiveAsync(channel.Input, null, null, chunk.Size, channel.Deadline);

    public void Dispose() => Reset();

    /// <summary>Local trouble is never the message's fault: every failure of the spool is a temporary refusal.</summary>
    private static Reply ReplyFor(SpoolFailure failure) => failure == SpoolFailure.Full ? Replies.StorageFull452 : Replies.LocalError451;

    private Reply? TakeMessage(Account user, DateTimeOffset now)
    {
        UserUsage usage = services.Usage.Of(user.Name);
        if (usage.TryMessage(user.Limits, now, out string limit) is { } refusal)
        {
            return Limited(user, limit, refusal);
        }

        _usage = usage;
        _takenRecipients = 0;
        return null;
    }

    private Reply? TakeRecipient()
    {
        if (_usage is not { } usage || client.Account is not { } user)
        {
            return null;
        }

        if (usage.TryRecipient(user.Limits, services.Time.GetUtcNow(), out string limit) is { } refusal)
        {
            return Limited(user, limit, refusal);
        }

        _takenRecipients++;
        return null;
    }

    private Reply Limited(Account user, string limit, Reply refusal)
    {
        SessionLog.UserLimited(services.Log, client.EndPoint, LogText.Clean(user.Name), limit, refusal.ToString());
        services.Metrics.UserLimited(limit);
        return refusal;
    }

    private Reply? Add(ReadOnlySpan<byte> mailbox, in RcptParameters parameters)
    {
        _isAdded = _envelope.TryAdd(mailbox, parameters);
        if (!_isAdded)
        {
            // It is there already, and counts once.
            GiveBackRecipient();
        }

        return null;
    }

    private bool IsPostmasterHere(ReadOnlySpan<byte> path, ReadOnlySpan<byte> domain)
    {
        if (domain[0] != '[' || client.Server is not { } server || !Ascii.EqualsIgnoreCase(path[..^(domain.Length + 1)], "postmaster"u8))
        {
            return false;
        }

        string text = Encoding.ASCII.GetString(domain[1..^1]);
        return IPAddress.TryParse(text.StartsWith("IPv6:", StringComparison.OrdinalIgnoreCase) ? text["IPv6:".Length..] : text, out IPAddress? address)
            && address.Equals(server.IsIPv4MappedToIPv6 ? server.MapToIPv4() : server);
    }

    private void GiveBackRecipient()
    {
        if (_usage is { } usage)
        {
            _takenRecipients--;
            usage.Return(0, 1);
        }
    }

    private SpoolTransaction Open(bool tls)
    {
        _receiver.MaximumSize = _chunks.MaximumSize = MaximumSize;
        _arrived = services.Time.GetUtcNow();
        SpoolTransaction spool = _spool = services.Spool.Begin(_size);
        ReceivedField.Write(spool, new ReceivedInfo
        {
            Hello = client.Hello,
            ClientName = client.Name,
            ClientAddress = client.EndPoint.Address,
            By = settings.Hostname,
            Protocol = client.IsExtended ? ProtocolName(_isSmtpUtf8, tls, client.Login is not null) : "SMTP",
            Id = spool.Id,
            // RFC 5321 §4.4 with a hint in its §7.2: "for" only when there is one recipient, or it gives away the blind copies.
            For = _envelope.RecipientCount == 1 ? _envelope.FirstRecipient : default,
            Date = _arrived,
        });
        // Only for those who may send in our name: what anybody brings for our own domains may say whatever it likes in its From.
        _signing = client.MayRelay ? services.Signer.Begin(spool) : null;
        _isSubmission = settings.Role == ListenerRole.Submission || client.Account is not null;
        if (_isSubmission)
        {
            (_submission ??= new SubmissionHeader()).Begin(_signing is not null ? _signing : spool, client.Account, spool.Id, settings.Hostname, _arrived);
        }

        return spool;
    }

    /// <summary>The message is here as a whole: durable, queued and only then to be acknowledged; or refused.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<MailResult> StoreAsync(SpoolTransaction spool, bool hasBareLineEnding, int receivedFields, EnvelopeFlags flags)
    {
        QueueId id = spool.Id;
        if (hasBareLineEnding)
        {
            return new MailResult(ReceiveStatus.Complete, Replies.BareLineEnding554, id);
        }

        if (LoopCheck.Refusal(receivedFields) is { } loop)
        {
            return new MailResult(ReceiveStatus.Complete, loop, id);
        }

        if (_isSubmission && _submission!.End() is { } notYours)
        {
            return new MailResult(ReceiveStatus.Complete, notYours, id);
        }

        FilterResult filtered = default;
        if (_filter is not null)
        {
            filtered = await _filter.RunAsync(spool, _envelope, flags, IsBinary, _signing).ConfigureAwait(false);
            (_signing, flags) = (filtered.Signing, filtered.Flags);
            if (filtered.Refusal is { } refusal)
            {
                return new MailResult(ReceiveStatus.Complete, refusal, id);
            }

            if (filtered.DiscardedBy is not null || _envelope.RecipientCount == 0)
            {
                Discard(spool, filtered.DiscardedBy);
                return new MailResult(ReceiveStatus.Complete, null, id);
            }
        }

        if (_signing is { } signing)
        {
            spool.Prepend(signing.Sign(_arrived));
        }

        _envelope.AddFlags(flags);
        if (filtered.HeldBy is { } held)
        {
            _envelope.Hold(Encoding.UTF8.GetBytes($"milter {held.Milter}: {held.Reason}"));
        }

        CommitResult commit = await spool.CommitAsync(_envelope.Build(), _arrived, client.EndPoint.Address).ConfigureAwait(false);
        if (commit.Message is not { } message)
        {
            return new MailResult(ReceiveStatus.Complete, ReplyFor(commit.Failure), id);
        }

        if (_usage is { } usage)
        {
            _usage = null;
            services.Usage.Sent(usage, _takenRecipients);
        }

        Record(message, filtered.HeldBy);
        if (!commit.IsParked)
        {
            services.Queue.Enqueue(message);
        }

        if (services.Spool.Pause is { Ticks: > 0 } pause)
        {
            // More comes than goes: the client hears of it by waiting, not by a refusal. What the message took while it was received is free meanwhile.
            Reset();
            await Task.Delay(pause, services.Time, services.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return new MailResult(ReceiveStatus.Complete, null, id);
    }

    /// <summary>RFC 3848 and RFC 6531 §4.3.</summary>
    private static string ProtocolName(bool utf8, bool tls, bool login) => (utf8, tls, login) switch
    {
        (false, false, false) => "ESMTP",
        (false, true, false) => "ESMTPS",
        (false, false, true) => "ESMTPA",
        (false, true, true) => "ESMTPSA",
        (true, false, false) => "UTF8SMTP",
        (true, true, false) => "UTF8SMTPS",
        (true, false, true) => "UTF8SMTPA",
        (true, true, true) => "UTF8SMTPSA",
    };

    private void Record(SpooledMessage message, (string Milter, string Reason)? heldBy)
    {
        services.Metrics.MessageReceived(message.Size);
        foreach (ReadOnlySpan<byte> recipient in message.Envelope)
        {
            Write(message.Envelope, recipient, message.Id, message.Size, DeliveryEvent.Received, null);
            if (heldBy is { } held)
            {
                Write(message.Envelope, recipient, message.Id, message.Size, DeliveryEvent.Held, $"milter {held.Milter}: {held.Reason}");
            }
        }

        if (heldBy is { } by)
        {
            MilterLog.Held(services.Log, client.EndPoint, message.Id.ToString(), by.Milter, by.Reason);
        }
    }

    /// <summary>A milter wants it taken and thrown away, or has left nobody to send it to. It is answered as any other, and leaves a trace.</summary>
    private void Discard(SpoolTransaction spool, string? milter)
    {
        // With nobody left there would be nothing to log.
        Envelope envelope = _envelope.Build();
        string by = milter is null ? "the milters left no recipient" : $"milter {milter} discards it";
        if (envelope.RecipientCount == 0)
        {
            Write(envelope, [], spool.Id, spool.Length, DeliveryEvent.Discarded, by);
        }

        foreach (ReadOnlySpan<byte> recipient in envelope)
        {
            Write(envelope, recipient, spool.Id, spool.Length, DeliveryEvent.Discarded, by);
        }

        MilterLog.Discarded(services.Log, client.EndPoint, spool.Id.ToString(), by);
    }

    private void Write(Envelope envelope, ReadOnlySpan<byte> recipient, QueueId id, long size, DeliveryEvent happened, string? why) => services.Deliveries.Write(
        new DeliveryRecord
        {
            Time = _arrived,
            Id = id,
            Event = happened,
            Size = size,
            Reply = why is null ? null : new PeerReply(0, default, why),
            Client = client.AddressText,
            Hello = client.HelloText,
        }, envelope.ReversePath, recipient);
}

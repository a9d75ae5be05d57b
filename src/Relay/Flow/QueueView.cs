using System.Buffers;
using System.Text;
using Relay.Flow.Queue;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow;

/// <summary>What is told of mail that waits: by destination, by site, by tenant, and of single messages. Any thread; reads the disk on the caller's, where a header or a parked message is wanted.</summary>
internal sealed class QueueView(MessageSpool spool, MessageQueue queue, TimeProvider time)
{
    /// <summary>What is shown of a header section at most.</summary>
    public const int MaximumHeader = 64 * 1024;

    private static readonly TimeSpan CountedEvery = TimeSpan.FromSeconds(10);

    /// <summary>Counting takes a hundredth of one processor's time at most…</summary>
    private const int Rest = 100;

    /// <summary>…but for answers that would be older than this.</summary>
    private static readonly TimeSpan CountedWithin = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private (IReadOnlyList<TenantStatus> Tenants, DateTimeOffset AsOf) _tenants = ([], DateTimeOffset.MinValue);
    private Task<(IReadOnlyList<TenantStatus> Tenants, DateTimeOffset AsOf)>? _counting;
    private TimeSpan _countTime;

    /// <summary>The destinations that mail waits for, those with the most first or by name, as many as are wanted, and how many there are. Only what is given is looked at closely: there may be very many.</summary>
    public IReadOnlyList<DestinationStatus> Destinations(bool byName, int most, out int total)
    {
        DateTimeOffset now = time.GetUtcNow();
        return Top(queue.Destinations.Select(static d => (d, d.Name, d.Held)).Where(static d => d.Held > 0), byName, most, out total, d => d.Describe(now, d.LastSite?.Describe(now)));
    }

    /// <summary>One destination and its site, by the recipients' domain (as it stands in addresses, lower case); null when nothing is known of it.</summary>
    public DestinationStatus? Destination(string domain, out SiteStatus? site)
    {
        DateTimeOffset now = time.GetUtcNow();
        Destination? found = queue.Find(domain);
        site = found?.LastSite?.Describe(now);
        return found?.Describe(now, site);
    }

    /// <summary>As <see cref="Destinations"/>, of the sites that are known, by what is ready there.</summary>
    public IReadOnlyList<SiteStatus> Sites(bool byName, int most, out int total)
    {
        DateTimeOffset now = time.GetUtcNow();
        return Top(queue.Sites.Select(static s => (s, s.Key.Hosts, s.Count)), byName, most, out total, s => s.Describe(now));
    }

    /// <summary>Null when no message of this id waits.</summary>
    public MessageStatus? Describe(QueueId id, bool header)
    {
        if (spool.Find(id) is not { } found)
        {
            return null;
        }

        SpooledMessage message = found.Message;
        Envelope envelope = message.Envelope;
        bool cut = false;
        return new MessageStatus
        {
            Id = id.ToString(),
            From = envelope.ReversePathText(),
            Arrived = message.Arrived,
            Size = message.Size,
            Expires = queue.EndOf(message),
            Client = message.Client?.ToString(),
            Tenant = queue.TenantOf(message),
            IsParked = found.IsParked,
            Body = MessageExport.Kind(envelope),
            Return = envelope.Return switch { DsnReturn.Full => "FULL", DsnReturn.Headers => "HDRS", _ => null },
            EnvelopeId = envelope.EnvelopeId.IsEmpty ? null : Encoding.UTF8.GetString(envelope.EnvelopeId),
            DeliverBy = envelope.DeliverBy,
            DeliverByMode = envelope.DeliverByMode == DeliverByMode.None ? null : envelope.DeliverByMode.ToString().ToLowerInvariant(),
            ReleaseAt = envelope.ReleaseAt,
            Priority = envelope.Priority,
            Recipients = Recipients(found),
            Header = header ? Header(message, out cut) : null,
            IsHeaderCut = cut,
        };
    }

    /// <summary>
    /// The recipients of a message that waits, with the attempts that each has had (int.MaxValue: it has come to its end); null when it doesn't wait, or when an operator has spoken of it since, which isn't counted. <paramref name="arrived"/>: lowered to its arrival,
    /// where the clock had been set back before it came.
    /// </summary>
    public IReadOnlyDictionary<string, int>? Attempts(QueueId id, ref DateTimeOffset arrived)
    {
        if (spool.Find(id) is not { } found)
        {
            return null;
        }

        arrived = found.Message.Arrived < arrived ? found.Message.Arrived : arrived;
        IReadOnlyList<PendingRecipient> pending = MessageSpool.Pending(found.Message);
        var attempts = new Dictionary<string, int>();
        foreach (ReadOnlySpan<byte> recipient in found.Message.Envelope)
        {
            attempts[Encoding.UTF8.GetString(recipient)] = int.MaxValue;
        }

        foreach (PendingRecipient recipient in pending)
        {
            attempts[found.Message.Envelope.RecipientText(recipient.Recipient)] = recipient.Attempts;
        }

        return pending.Any(static p => p.WasOrdered) ? null : attempts;
    }

    /// <summary>
    /// What waits by tenant, and as of when: counted by a look at every message, every ten seconds or more seldom, and not waited for while there is an answer of this minute. Parked mail isn't counted.
    /// </summary>
    public async Task<(IReadOnlyList<TenantStatus> Tenants, DateTimeOffset AsOf)> TenantsAsync()
    {
        Task<(IReadOnlyList<TenantStatus> Tenants, DateTimeOffset AsOf)>? counting = null;
        lock (_gate)
        {
            DateTimeOffset now = time.GetUtcNow();
            if (now - _tenants.AsOf > CountedEvery && now - _tenants.AsOf > _countTime * Rest)
            {
                counting = _counting is { IsCompleted: false } ? _counting : _counting = Task.Run(CountTenants);
            }

            if (now - _tenants.AsOf < CountedWithin)
            {
                return _tenants;
            }

            counting ??= _counting = Task.Run(CountTenants);
        }

        return await counting.ConfigureAwait(false);
    }

    /// <summary>By name, or those with the most first; each counted once, before it is sorted, because the numbers change meanwhile.</summary>
    private static List<TStatus> Top<T, TStatus>(IEnumerable<(T Item, string Name, int Count)> items, bool byName, int most, out int total, Func<T, TStatus> describe)
    {
        var all = items.ToList();
        total = all.Count;
        all.Sort(byName ? static (x, y) => string.CompareOrdinal(x.Name, y.Name) : static (x, y) => y.Count != x.Count ? y.Count.CompareTo(x.Count) : string.CompareOrdinal(x.Name, y.Name));
        return [.. all.Take(most).Select(i => describe(i.Item))];
    }

    private (IReadOnlyList<TenantStatus> Tenants, DateTimeOffset AsOf) CountTenants()
    {
        long started = time.GetTimestamp();
        var tenants = new Dictionary<string, TenantStatus>();
        foreach (SpooledMessage message in spool.All())
        {
            string name = queue.TenantOf(message);
            TenantStatus tenant = tenants.TryGetValue(name, out TenantStatus? known) ? known : tenants[name] = new TenantStatus { Name = name };
            tenant.Add(message.Size, message.Arrived, message.Ordered > 0);
        }

        lock (_gate)
        {
            _countTime = time.GetElapsedTime(started);
            return _tenants = ([.. tenants.Values], time.GetUtcNow());
        }
    }

    private List<RecipientStatus> Recipients(FoundMessage found)
    {
        Envelope envelope = found.Message.Envelope;
        DateTimeOffset now = time.GetUtcNow();
        Dictionary<int, PendingRecipient> pending = MessageSpool.Pending(found.Message).ToDictionary(static p => p.Recipient);
        var destinations = new Dictionary<string, DestinationStatus?>();
        var recipients = new List<RecipientStatus>(envelope.RecipientCount);
        Envelope.RecipientEnumerator each = envelope.GetEnumerator();
        for (int i = 0; each.MoveNext(); i++)
        {
            string address = Encoding.UTF8.GetString(each.Current);
            var status = new RecipientStatus
            {
                Address = address,
                State = "settled",
                Limit = "none",
                Why = "delivered or given up, as the delivery log says",
                Notify = each.Notify == DsnNotify.Unspecified ? null : each.Notify.ToString().ToUpperInvariant().Replace(" ", "", StringComparison.Ordinal),
                OriginalRecipient = each.OriginalRecipient.IsEmpty ? null : Encoding.UTF8.GetString(each.OriginalRecipient),
            };
            recipients.Add(pending.TryGetValue(i, out PendingRecipient left) ? Waiting(status, found, left, DestinationOf(address), now) : status);
        }

        return recipients;

        DestinationStatus? DestinationOf(string address)
        {
            string domain = address[(address.LastIndexOf('@') + 1)..].ToLowerInvariant();
            return destinations.TryGetValue(domain, out DestinationStatus? known) ? known : destinations[domain] = Destination(domain, out _);
        }
    }

    private static RecipientStatus Waiting(RecipientStatus recipient, FoundMessage found, PendingRecipient left, DestinationStatus? destination, DateTimeOffset now)
    {
        DateTimeOffset? release = found.Message.Envelope.ReleaseAt is { } at && at > now ? at : null;
        recipient = recipient with
        {
            Attempts = left.Attempts,
            Destination = destination?.Name,
            Site = destination?.Site,
            LastReply = destination?.LastReply,
            LastReplyAt = destination?.LastReplyAt,
        };
        return left.Order switch
        {
            RecipientOrder.Hold => recipient with { State = "held", Limit = "held", Why = found.Message.Envelope.IsHeld && !left.WasOrdered ? "held on arrival by " + Encoding.UTF8.GetString(found.Message.Envelope.HoldReason) : "an operator holds it" },
            RecipientOrder.Bounce => recipient with { State = "bouncing", Why = "an operator wants it returned to its sender, which happens when nobody is sending it" },
            RecipientOrder.Drop => recipient with { State = "dropping", Why = "an operator wants it dropped, which happens when nobody is sending it" },
            _ when found.IsParked => recipient with { State = "parked", Limit = "parked", Why = "it waits on disk alone until there is room for it in memory" },
            _ when release > left.NextAttempt => recipient with { State = "scheduled", NextAttempt = release, Limit = "release", Why = "its sender wants it sent later", Until = release },
            _ when left.NextAttempt > now => recipient with
            {
                State = "scheduled",
                NextAttempt = left.NextAttempt,
                Limit = "back_off",
                Why = "put off" + (destination?.LastReply is { } reply ? ", and the last answer there was: " + reply : ""),
                Until = left.NextAttempt,
            },
            // What holds others of the destination off until their time isn't what holds this one.
            _ when destination is null or { Limit: "back_off" or "held" } => recipient with { State = "ready", Why = "on its way" },
            _ => recipient with { State = "ready", Limit = destination.Limit, Why = destination.Why, Until = destination.Until },
        };
    }

    private string? Header(SpooledMessage message, out bool cut)
    {
        byte[] piece = ArrayPool<byte>.Shared.Rent(MaximumHeader);
        cut = false;
        try
        {
            using SpoolBody body = spool.OpenBody(message);
            ReadOnlySpan<byte> start = piece.AsSpan(0, body.Read(0, piece.AsSpan(0, MaximumHeader)));
            int end = start.StartsWith("\r\n"u8) ? 0 : start.IndexOf("\r\n\r\n"u8) is var at and >= 0 ? at + 2 : -1;
            cut = end < 0 && start.Length < message.Size;
            return Encoding.UTF8.GetString(end < 0 ? start : start[..end]);
        }
        catch (SpoolReadException)
        {
            // Gone meanwhile, or damaged: who sends it says so in the log.
            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }
}

using System.Diagnostics.Metrics;
using System.Globalization;

namespace Relay.Telemetry;

/// <summary>
/// The relay's numbers, as instruments of the meter <see cref="MeterName"/>; in Prometheus each name begins with relay_. All members are for any thread, allocate nothing and
/// cost next to nothing when nobody listens. Labels are words from fixed lists: never what a peer sent.
/// </summary>
public sealed class RelayMetrics : IDisposable
{
    public const string MeterName = "relay";

    // The only codes a refusal can have; boxed text made once.
    private static readonly KeyValuePair<string, object?>[] Codes = [.. Enumerable.Range(400, 200).Select(c => Tag("code", c.ToString(CultureInfo.InvariantCulture)))];

    private readonly Meter _meter = new(MeterName);
    private readonly UpDownCounter<long> _inboundOpen;
    private readonly Counter<long> _inboundClosed;
    private readonly Counter<long> _recipientsRefused;
    private readonly Counter<long> _usersLimited;
    private readonly Counter<long> _messagesReceived;
    private readonly Counter<long> _bytesReceived;
    private readonly Counter<long> _recipientsSettled;
    private readonly Counter<long> _recipientsNotDelivered;
    private readonly Counter<long> _deadLetters;
    private readonly Histogram<double> _commitDuration;
    private readonly Histogram<int> _commitMessages;
    private readonly UpDownCounter<long> _outboundOpen;
    private readonly Counter<long> _outboundOpened;
    private readonly Counter<long> _outboundReused;
    private readonly Counter<long> _outboundClosed;
    private readonly Counter<long> _outboundFailed;
    private readonly Counter<long> _limitChanges;
    private readonly Counter<long> _deliveryLogDropped;
    private readonly Counter<long> _deliveryLogErrors;
    private readonly Counter<long> _milterAnswers;
    private readonly Counter<long> _milterFailures;
    private readonly Histogram<double> _milterDuration;
    private readonly Counter<long> _abuseRefused;
    private readonly Counter<long> _bans;
    private readonly Counter<long> _listAnswers;

    public RelayMetrics()
    {
        _inboundOpen = _meter.CreateUpDownCounter<long>("relay.inbound.open", description: "Connections of clients that are open.");
        _inboundClosed = _meter.CreateCounter<long>("relay.inbound.closed", description: "Connections of clients that have ended, by why.");
        _recipientsRefused = _meter.CreateCounter<long>("relay.recipients.refused", description: "Recipients refused at RCPT, by reply code.");
        _usersLimited = _meter.CreateCounter<long>("relay.users.limited", description: "Messages and recipients refused because the user had sent as much as he may, by limit.");
        _messagesReceived = _meter.CreateCounter<long>("relay.messages.received", description: "Messages stored and acknowledged.");
        _bytesReceived = _meter.CreateCounter<long>("relay.messages.received.size", "By", "Octets of the messages stored and acknowledged.");
        _recipientsSettled = _meter.CreateCounter<long>("relay.recipients.settled", description: "Outcomes of attempts, one for each recipient: delivered, deferred, bounced, expired.");
        _recipientsNotDelivered = _meter.CreateCounter<long>("relay.recipients.not_delivered", description: "Outcomes of attempts that were no delivery, by what kind of answer it was and what became of it.");
        _deadLetters = _meter.CreateCounter<long>("relay.dead_letters", description: "Recipients of reports that were given up.");
        _commitDuration = _meter.CreateHistogram("relay.spool.commit", "s", "How long a group commit took, the sync included.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] });
        _commitMessages = _meter.CreateHistogram("relay.spool.commit.messages", description: "Messages that one group commit made durable.",
            advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] });
        _outboundOpen = _meter.CreateUpDownCounter<long>("relay.outbound.open", description: "Connections to servers that are open.");
        _outboundOpened = _meter.CreateCounter<long>("relay.outbound.opened", description: "Connections to servers that came about.");
        _outboundReused = _meter.CreateCounter<long>("relay.outbound.reused", description: "Idle connections to servers that were used again.");
        _outboundClosed = _meter.CreateCounter<long>("relay.outbound.closed", description: "Connections to servers that have ended, by why.");
        _outboundFailed = _meter.CreateCounter<long>("relay.outbound.failed", description: "Connections to servers that didn't come about or broke, by why.");
        _limitChanges = _meter.CreateCounter<long>("relay.site.limit_changes", description: "Changes of what a site gets that are not its steady growth, by kind.");
        _deliveryLogDropped = _meter.CreateCounter<long>("relay.delivery_log.dropped", description: "Records of the delivery log that were lost.");
        _deliveryLogErrors = _meter.CreateCounter<long>("relay.delivery_log.errors", description: "Failed writes of the delivery log.");
        _milterAnswers = _meter.CreateCounter<long>("relay.milter.answers", description: "Answers of milters, by what they were.");
        _milterFailures = _meter.CreateCounter<long>("relay.milter.failures", description: "Failures of milters, by kind.");
        _milterDuration = _meter.CreateHistogram("relay.milter.message", "s", "How long a milter took for a message that was received.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] });
        _abuseRefused = _meter.CreateCounter<long>("relay.abuse.refused", description: "Clients that were refused, slowed down to a refusal or marked for abuse, by why.");
        _bans = _meter.CreateCounter<long>("relay.abuse.bans", description: "Bans of addresses and networks, by what led to them.");
        _listAnswers = _meter.CreateCounter<long>("relay.dnsbl.answers", description: "What DNS lists answered about clients: listed, not_listed, failed, unusable.");
    }

    /// <summary>The meter, for a listener that must not hear another instance's.</summary>
    internal Meter Meter => _meter;

    public void InboundOpened() => _inboundOpen.Add(1);

    /// <summary><paramref name="end"/> is the name of an enum's member, so that the label's values are few.</summary>
    public void InboundClosed(string end)
    {
        _inboundOpen.Add(-1);
        _inboundClosed.Add(1, Tag("end", end));
    }

    public void RecipientRefused(int code)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(code, 400);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(code, 599);
        _recipientsRefused.Add(1, Codes[code - 400]);
    }

    /// <summary><paramref name="limit"/>: the configuration's name of it.</summary>
    public void UserLimited(string limit) => _usersLimited.Add(1, Tag("limit", limit));

    public void MessageReceived(long size)
    {
        _messagesReceived.Add(1);
        _bytesReceived.Add(size);
    }

    /// <summary><paramref name="outcome"/>: "delivered", "deferred", "bounced" or "expired".</summary>
    public void RecipientSettled(string outcome) => _recipientsSettled.Add(1, Tag("outcome", outcome));

    /// <summary><paramref name="outcome"/>: "deferred", "bounced" or "expired"; <paramref name="class"/>: one of a few words.</summary>
    public void RecipientNotDelivered(string outcome, string @class) => _recipientsNotDelivered.Add(1, Tag("class", @class), Tag("outcome", outcome));

    /// <summary>A report was given up for a recipient.</summary>
    public void DeadLetter() => _deadLetters.Add(1);

    public void SpoolCommitted(double seconds, int messages)
    {
        _commitDuration.Record(seconds);
        _commitMessages.Record(messages);
    }

    public void OutboundOpened()
    {
        _outboundOpen.Add(1);
        _outboundOpened.Add(1);
    }

    /// <summary>An idle connection has been taken for more messages.</summary>
    public void OutboundReused() => _outboundReused.Add(1);

    /// <summary><paramref name="reason"/>: one of a few words, so that the label's values are few.</summary>
    public void OutboundClosed(string reason)
    {
        _outboundOpen.Add(-1);
        _outboundClosed.Add(1, Tag("reason", reason));
    }

    /// <summary><paramref name="kind"/>: one of a few words.</summary>
    public void LimitChanged(string kind) => _limitChanges.Add(1, Tag("kind", kind));

    /// <summary><paramref name="reason"/> is the name of an enum's member, so that the label's values are few.</summary>
    public void OutboundFailed(string reason) => _outboundFailed.Add(1, Tag("reason", reason));

    /// <summary>Asked at each scrape for the recipients that wait, and for the messages that do so on disk alone. Once, at start.</summary>
    public void ObserveQueue(Func<long> depth, Func<long> parked)
    {
        _meter.CreateObservableGauge("relay.queue.recipients", depth, description: "Recipients that wait for delivery or are being delivered to.");
        _meter.CreateObservableGauge("relay.queue.parked", parked, description: "Messages that wait on disk alone, because the queue in memory is full.");
    }

    /// <summary>Asked at each scrape for the states of the spool's folders. Once, at start. <paramref name="durability"/> is the configuration's word.</summary>
    public void ObserveSpool(Func<(int Healthy, int Full, int Failed)> folders, string durability)
    {
        _meter.CreateObservableGauge("relay.spool.healthy", () => folders().Healthy > 0 ? 1 : 0, description: "1 while the spool takes mail, 0 while it doesn't.");
        _meter.CreateObservableGauge("relay.spool.folders", () =>
        {
            (int healthy, int full, int failed) = folders();
            return (Measurement<int>[])[new(healthy, Tag("state", "healthy")), new(full, Tag("state", "full")), new(failed, Tag("state", "failed"))];
        }, description: "Folders of the spool, by whether they take mail.");
        _meter.CreateObservableGauge("relay.spool.durability", () => new Measurement<int>(1, Tag("mode", durability)), description: "1 for the mode in which mail is acknowledged: sync or os.");
    }

    /// <summary>Asked at each scrape whether the mail of before is still being found. Once, at start.</summary>
    public void ObserveRecovery(Func<bool> recovering) =>
        _meter.CreateObservableGauge("relay.spool.recovering", () => recovering() ? 1 : 0, description: "1 while mail from before the start is still being found in the spool.");

    /// <summary><paramref name="milter"/>: its configured name; <paramref name="answer"/>: the name of an enum's member.</summary>
    public void MilterAnswered(string milter, string answer) => _milterAnswers.Add(1, Tag("milter", milter), Tag("answer", answer));

    /// <summary><paramref name="kind"/>: the name of an enum's member.</summary>
    public void MilterFailed(string milter, string kind) => _milterFailures.Add(1, Tag("milter", milter), Tag("kind", kind));

    public void MilterMessage(string milter, double seconds) => _milterDuration.Record(seconds, Tag("milter", milter));

    /// <summary><paramref name="reason"/>: one of a few words.</summary>
    public void AbuseRefused(string reason) => _abuseRefused.Add(1, Tag("reason", reason));

    /// <summary>As above.</summary>
    public void Banned(string reason) => _bans.Add(1, Tag("reason", reason));

    /// <summary><paramref name="answer"/>: "listed", "not_listed", "failed" or "unusable".</summary>
    public void ListAnswered(string answer) => _listAnswers.Add(1, Tag("answer", answer));

    /// <summary>Asked at each scrape for how long the certificates of our listeners are still good. Once, at start.</summary>
    public void ObserveCertificates(Func<IEnumerable<(string Name, TimeSpan Left)>> certificates) =>
        _meter.CreateObservableGauge("relay.tls.certificate.expiry", () => certificates().Select(static c => new Measurement<double>(c.Left.TotalSeconds, Tag("name", c.Name))), "s",
            "How long a certificate that is shown to clients is still good; below zero once it has expired.");

    public void Dispose() => _meter.Dispose();

    internal void DeliveryRecordDropped() => _deliveryLogDropped.Add(1);

    internal void DeliveryLogFailed() => _deliveryLogErrors.Add(1);

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}

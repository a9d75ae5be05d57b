using Microsoft.Extensions.Logging;
using Relay.Concurrency;
using Relay.Flow.Queue;
using Relay.Flow.Route;
using Relay.Flow.Send;
using Relay.Flow.Settle;
using Relay.Flow.TlsReports;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Telemetry;

namespace Relay.Flow;

/// <summary>
/// The way of a message behind its 250, and the only place that knows the order: scheduled queue, route, ready queue, send, settle, and back to the scheduled queue. Look-ups and workers are bounded in all;
/// those of one site by its own limit. Nothing is caught broadly elsewhere: what goes wrong by our own fault ends here, logged, with the message kept.
/// </summary>
internal sealed class DeliveryLoop
{
    /// <summary>Outbound connections in use at once, to sites that have answered lately; and as many to those of which that isn't known: the dead ones among them can't take the places of the others.</summary>
    public const int MaximumWorkers = 1000;

    private const int MaximumLookUps = 200;

    private const int MaximumEndings = 8;

    /// <summary>So long a look-up's answer is followed without asking the resolver's cache again.</summary>
    private static readonly TimeSpan RouteLife = TimeSpan.FromSeconds(30);

    private readonly MessageSpool _spool;
    private readonly OutboundPool _pool;
    private readonly Settlement _settlement;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly RelayMetrics _metrics;
    private readonly BoundedWork<Destination> _lookUps;
    private readonly BoundedWork<MessageQueue> _endings;
    private readonly BoundedWork<Site> _proven;
    private readonly BoundedWork<Site> _unproven;
    private MessageQueue? _queue;
    private DeliverySettings _settings;
    private volatile bool _stopping;

    public DeliveryLoop(MessageSpool spool, OutboundPool pool, Settlement settlement, TimeProvider time, ILogger log, RelayMetrics metrics, DeliverySettings settings, int maximumWorkers = MaximumWorkers)
    {
        _metrics = metrics;
        _spool = spool;
        _pool = pool;
        _settlement = settlement;
        _time = time;
        _log = log;
        _settings = settings;
        _lookUps = new BoundedWork<Destination>(MaximumLookUps, LookUpAsync);
        _endings = new BoundedWork<MessageQueue>(MaximumEndings, SettleOrderedAsync);
        _proven = new BoundedWork<Site>(maximumWorkers, site => WorkAsync(site, _proven!));
        _unproven = new BoundedWork<Site>(maximumWorkers, site => WorkAsync(site, _unproven!));
    }

    public bool IsStopping => _stopping;

    /// <summary>Where tries at TLS are counted for reports; null: nowhere.</summary>
    public Func<TlsTally?> Tally { get; init; } = static () => null;

    /// <summary>What begins from now on follows these.</summary>
    public DeliverySettings Settings => Volatile.Read(ref _settings);

    public void Apply(DeliverySettings settings) => Volatile.Write(ref _settings, settings);

    /// <summary>A site has work and a worker of it was begun: run it, or as soon as there is room.</summary>
    public void Dispatch(Site site) => (site.IsProven ? _proven : _unproven).Post(site);

    /// <summary>Messages of a destination wait for its site: look it up, or as soon as there is room. <paramref name="queue"/> gets the answer.</summary>
    public void LookUp(MessageQueue queue, Destination destination)
    {
        _queue = queue;
        _lookUps.Post(destination);
    }

    /// <summary>Messages of the queue are to be given up because an operator wants it: settle them, or as soon as there is room.</summary>
    public void SettleOrdered(MessageQueue queue) => _endings.Post(queue);

    /// <summary>As <see cref="MessageQueue.Unordered"/>.</summary>
    public QueuedMessage? Unordered(QueuedMessage message) => _queue!.Unordered(message);

    /// <summary>No message is begun any more; returns when those under way are settled, or false when <paramref name="grace"/> was over first.</summary>
    public async Task<bool> StopAsync(TimeSpan grace)
    {
        _stopping = true;
        try
        {
            await Task.WhenAll(_lookUps.StopAsync(), _endings.StopAsync(), _proven.StopAsync(), _unproven.StopAsync()).WaitAsync(grace, _time).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            SettleLog.NotEnded(_log, _proven.Running + _unproven.Running);
            return false;
        }
    }

    /// <summary>Settles a message to which nothing was sent. Never throws.</summary>
    public async ValueTask SettleAsync(QueuedMessage message, AttemptResult result)
    {
        try
        {
            await _settlement.SettleAsync(message, result).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // A bug, or the end of the process's memory: the spool still has the message, and so has the queue.
            SettleLog.Faulted(_log, message.Message.Id.ToString(), e);
            _settlement.PutBack(message);
        }
        finally
        {
            message.Site?.Release();
            message.Destination.Release();
        }
    }

    /// <summary>Tells the operator what a site was seen to bear.</summary>
    public void Report(Site site, in LimitChange change)
    {
        SettleLog.LimitChanged(_log, site.Key.Hosts, change.From, change.To, change.Saw);
        _metrics.LimitChanged(change.To == 0 ? "suspended" : change.From == 0 ? "resumed" : change.To < change.From ? "lowered" : "raised");
    }

    /// <summary>A message whose attempt broke off by our own fault.</summary>
    public void PutBack(QueuedMessage message)
    {
        _settlement.PutBack(message);
        message.Site?.Release();
        message.Destination.Release();
    }

    private async Task WorkAsync(Site site, BoundedWork<Site> places)
    {
        bool more = true;
        while (more)
        {
            try
            {
                // New settings hold from the next connection on, also where the queue never runs empty.
                await new SiteWorker(site, this, places, _spool, _pool, _time).RunAsync().ConfigureAwait(false);
            }
            catch (Exception e)
            {
                SettleLog.Faulted(_log, site.Key.Hosts, e);
            }

            site.EndWorker(_time.GetTimestamp());
            more = !_stopping && site.TryBeginWorker();
            if (more && places.Waiting > 0)
            {
                Dispatch(site);
                return;
            }
        }
    }

    /// <summary>What isn't settled when the relay stops is after its next start: that it is to be given up is in the spool.</summary>
    private async Task SettleOrderedAsync(MessageQueue queue)
    {
        var result = new AttemptResult();
        while (!_stopping && queue.TryTakeEnding(out QueuedMessage? message))
        {
            bool dropped = MessageSpool.OrderOf(message.Message, message.Recipients[0]) == RecipientOrder.Drop;
            result.Begin(message.Recipients.Length, _time.GetUtcNow());
            result.SetRest(new RecipientOutcome(dropped ? OutcomeKind.Dropped : OutcomeKind.Failed, AttemptFailure.LocalReply(5, 7, 0, dropped ? "dropped by the operator" : "bounced by the operator")));
            await _settlement.LogHasRoomAsync().ConfigureAwait(false);
            await SettleAsync(message, result).ConfigureAwait(false);
        }
    }

    private async Task LookUpAsync(Destination destination)
    {
        DeliverySettings settings = Settings;
        try
        {
            if (destination.IsSuspended(_time.GetUtcNow(), out PeerReply known))
            {
                await SettleUnroutedAsync(destination, new RecipientOutcome(OutcomeKind.Deferred, known)).ConfigureAwait(false);
                return;
            }

            RoutePlan plan = destination.Route is { } route
                ? await settings.Routes.ByNextHopAsync(route.NextHop, CancellationToken.None).ConfigureAwait(false)
                : await settings.Routes.ByMxAsync(destination.Name, CancellationToken.None).ConfigureAwait(false);
            RouteFailure? failure = plan.Failure;
            if (failure is null)
            {
                TlsRoute tls = destination.Route is { } own
                    ? await settings.Tls.ForNextHopAsync(own, plan, CancellationToken.None).ConfigureAwait(false)
                    : await settings.Tls.ForDomainAsync(destination.Name, plan, CancellationToken.None).ConfigureAwait(false);
                if (tls.Fault != TlsFault.None)
                {
                    Tally()?.Add(destination.Name, new TlsSession(new TlsPolicy(OutboundTls.Verified, TlsPolicyKind.MtaSts), tls.Demand.Sts, "", null, null, tls.Fault, ""));
                }

                if (tls.Failure is null)
                {
                    Routed(destination, settings, tls);
                    return;
                }

                failure = tls.Failure;
            }

            var reply = new PeerReply(0, failure.Status, failure.Reason);
            if (!failure.IsPermanent)
            {
                destination.Suspend(reply, _time.GetUtcNow() + settings.Retry.Suspension);
            }

            await SettleUnroutedAsync(destination, new RecipientOutcome(failure.IsPermanent ? OutcomeKind.Failed : OutcomeKind.Deferred, reply)).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            SettleLog.Faulted(_log, destination.Name, e);
            for (QueuedMessage? message = _queue!.TakeUnrouted(destination); message is not null;)
            {
                QueuedMessage? next = message.Next;
                PutBack(message);
                message = next;
            }
        }
    }

    private void Routed(Destination destination, DeliverySettings settings, TlsRoute route)
    {
        SiteLimitOptions limits = destination.Route is null ? settings.Limits.For(destination.Name, route.Targets) : settings.Limits.For(destination.Route);
        long until = _time.GetTimestamp() + (long)(RouteLife.TotalSeconds * _time.TimestampFrequency);
        var key = SiteKey.Of(route.Targets, destination.Route, route.Demand, limits, destination.Route?.Egress ?? settings.Options.Egress);
        _queue!.Routed(destination, key, route.Targets, until);
    }

    private async ValueTask SettleUnroutedAsync(Destination destination, RecipientOutcome outcome)
    {
        var result = new AttemptResult();
        for (QueuedMessage? message = _queue!.TakeUnrouted(destination); message is not null;)
        {
            QueuedMessage? next = message.Next;
            result.Begin(message.Recipients.Length, _time.GetUtcNow());
            result.SetRest(outcome);
            await SettleAsync(message, result).ConfigureAwait(false);
            message = next;
        }
    }
}

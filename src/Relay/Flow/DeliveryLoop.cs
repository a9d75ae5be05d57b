using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Relay.Flow.Queue;
using Relay.Flow.Send;
using Relay.Flow.Settle;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Telemetry;

namespace Relay.Flow;

/// <summary>
/// The way of a message behind its 250, and the only place that knows the order: ready queue, route, send, settle, and back to the scheduled queue. A worker serves one
/// destination as long as that has messages, on one connection; workers are bounded for each destination by its queue and in all by this. Nothing is caught
/// broadly elsewhere: what goes wrong by our own fault ends here, logged, with the message kept.
/// </summary>
internal sealed class DeliveryLoop(
    MessageSpool spool, OutboundPool pool, Settlement settlement, TimeProvider time, ILogger log, DeliverySettings settings)
{
    /// <summary>Outbound connections that are in use at once, in all. A destination that answers nobody has five, so it takes two hundred dead ones to fill it.</summary>
    private const int MaximumWorkers = 1000;

    private readonly ConcurrentQueue<ReadyQueue> _waiting = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private DeliverySettings _settings = settings;
    private int _workers;
    private volatile bool _stopping;

    /// <summary>What begins from now on follows the new settings.</summary>
    public void Apply(DeliverySettings settings) => Volatile.Write(ref _settings, settings);

    /// <summary>A destination has work and a worker of it was begun: run it, or as soon as there is room.</summary>
    public void Dispatch(ReadyQueue destination)
    {
        if (TryEnter())
        {
            Start(destination);
            return;
        }

        _waiting.Enqueue(destination);
        // All that were at work may have ended between the two steps.
        StartWaiting();
    }

    /// <summary>No message is begun any more; returns when those under way are settled, or false when <paramref name="grace"/> was over first.</summary>
    public async Task<bool> StopAsync(TimeSpan grace)
    {
        _stopping = true;
        if (Volatile.Read(ref _workers) == 0)
        {
            return true;
        }

        try
        {
            await _ended.Task.WaitAsync(grace, time).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            SettleLog.NotEnded(log, Volatile.Read(ref _workers));
            return false;
        }
    }

    private void Start(ReadyQueue destination) => ThreadPool.UnsafeQueueUserWorkItem(static state => _ = state.Loop.WorkAsync(state.Destination), (Loop: this, Destination: destination), preferLocal: false);

    private async Task WorkAsync(ReadyQueue destination)
    {
        var result = new AttemptResult();
        do
        {
            // New settings hold from the next message on, also where the queue never runs empty.
            DeliverySettings settings = Volatile.Read(ref _settings);
            var attempt = new DeliveryAttempt(pool, settings.Connector, settings.Session,
                destination.Route?.Tls ?? settings.Options.Tls, destination.Route?.NextHop.Scheme ?? NextHopScheme.Smtp);
            while (!_stopping && ReferenceEquals(settings, Volatile.Read(ref _settings)) && destination.TryDequeue(out QueuedMessage? message))
            {
                await DeliverAsync(settings, destination, message!, attempt, result).ConfigureAwait(false);
            }

            await EndAsync(destination, attempt).ConfigureAwait(false);
            destination.EndWorker();
        }
        while (!_stopping && destination.TryBeginWorker());

        Leave();
        StartWaiting();
    }

    private async ValueTask EndAsync(ReadyQueue destination, DeliveryAttempt attempt)
    {
        try
        {
            await attempt.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            SettleLog.Faulted(log, destination.Name, e);
        }
    }

    private bool TryEnter()
    {
        if (Interlocked.Increment(ref _workers) <= MaximumWorkers)
        {
            return true;
        }

        Leave();
        return false;
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _workers) == 0 && _stopping)
        {
            _ended.TrySetResult();
        }
    }

    /// <summary>Gives free places to the destinations that wait for one.</summary>
    private void StartWaiting()
    {
        while (!_stopping && !_waiting.IsEmpty && TryEnter())
        {
            if (_waiting.TryDequeue(out ReadyQueue? next))
            {
                Start(next);
            }
            else
            {
                Leave();
            }
        }
    }

    /// <summary>One message through route, send and settle. Never throws, and never leaves a message without a place.</summary>
    private async ValueTask DeliverAsync(DeliverySettings settings, ReadyQueue destination, QueuedMessage message, DeliveryAttempt attempt, AttemptResult result)
    {
        try
        {
            result.Begin(message.Recipients.Length, time.GetUtcNow());
            try
            {
                await AttemptAsync(settings, destination, message, attempt, result).ConfigureAwait(false);
            }
            catch (SpoolReadException e)
            {
                SettleLog.Unreadable(log, message.Message.Id.ToString(), e.Message);
                await attempt.AbandonAsync().ConfigureAwait(false);
                result.SetRest(new RecipientOutcome(OutcomeKind.Deferred, AttemptFailure.LocalReply(4, 3, 0, "the message cannot be read from the spool")));
            }

            await settlement.SettleAsync(message, result).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // A bug, or the end of the process's memory: the spool still has the message, and so has the queue.
            SettleLog.Faulted(log, message.Message.Id.ToString(), e);
            await attempt.AbandonAsync().ConfigureAwait(false);
            settlement.PutBack(message);
        }
        finally
        {
            destination.Release();
        }
    }

    private async ValueTask AttemptAsync(DeliverySettings settings, ReadyQueue destination, QueuedMessage message, DeliveryAttempt attempt, AttemptResult result)
    {
        if (message.IsTooLate(result.Started))
        {
            result.SetRest(new RecipientOutcome(OutcomeKind.Deferred, AttemptFailure.LocalReply(4, 4, 7, "the time by which its sender wanted it delivered has passed")));
            return;
        }

        if (destination.IsSuspended(result.Started, out PeerReply reason))
        {
            result.SetRest(new RecipientOutcome(OutcomeKind.Deferred, reason));
            return;
        }

        using SpoolBody body = spool.OpenBody(message.Message);
        if (await attempt.TrySendAsync(message, body, result).ConfigureAwait(false))
        {
            destination.Succeeded();
            return;
        }

        RoutePlan plan = destination.Route is { } route
            ? await settings.Routes.ByNextHopAsync(route.NextHop, CancellationToken.None).ConfigureAwait(false)
            : await settings.Routes.ByMxAsync(destination.Name, CancellationToken.None).ConfigureAwait(false);
        if (plan.Failure is { } failure)
        {
            var reply = new PeerReply(0, failure.Status, failure.Reason);
            result.SetRest(new RecipientOutcome(failure.IsPermanent ? OutcomeKind.Failed : OutcomeKind.Deferred, reply));
            if (!failure.IsPermanent)
            {
                destination.Suspend(reply, time.GetUtcNow() + settings.Retry.Suspension);
            }

            return;
        }

        if (await attempt.SendAsync(message, body, plan.Targets, result).ConfigureAwait(false))
        {
            destination.Succeeded();
        }
        else
        {
            destination.Suspend(result.Outcomes[0].Reply, time.GetUtcNow() + settings.Retry.Suspension);
        }
    }
}

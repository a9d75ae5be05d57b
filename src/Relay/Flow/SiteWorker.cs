using Relay.Flow.Queue;
using Relay.Flow.Send;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Telemetry;

namespace Relay.Flow;

/// <summary>
/// Sends a site's messages over one connection at a time: takes an idle one or goes through the hosts until one gives an answer, sends as long as there is something to send, and settles each message as its
/// outcome is known. What was not handed over because a connection or a host failed goes to the next host; when there is none, it is put off. Used once.
/// </summary>
internal sealed class SiteWorker(Site site, DeliveryLoop loop, MessageSpool spool, OutboundPool pool, TimeProvider time) : ITransactionSource
{
    // Messages that end without being sent are settled in between; so many at most are gathered for that.
    private const int MostUnsent = 16;

    private static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    private readonly DeliverySettings _settings = loop.Settings;
    private readonly Stack<OutboundTransaction> _spare = new();
    private readonly List<OutboundTransaction> _underWay = [];
    private readonly Queue<OutboundTransaction> _returned = new();
    private readonly Queue<OutboundTransaction> _unsent = new();
    private OutboundConnection? _connection;
    private long _lastReply;
    private bool _isOver;
    private HopInfo? _hop;

    private bool MayBegin => !loop.IsStopping && ReferenceEquals(_settings, loop.Settings);

    /// <summary>Until there is nothing to send, or nowhere to send it. What is still in hand when it throws has been put back.</summary>
    public async Task RunAsync()
    {
        if (site.IsSuspended(out PeerReply reason))
        {
            await PutOffAllAsync(reason).ConfigureAwait(false);
            return;
        }

        if (!site.TryOpen())
        {
            return;
        }

        try
        {
            AttemptFailure? last = await GoThroughHostsAsync().ConfigureAwait(false);
            while (_returned.TryDequeue(out OutboundTransaction? transaction))
            {
                if (last is null || !MayBegin)
                {
                    // Nothing is known against the hosts that were not tried.
                    site.Add(transaction.Message);
                    transaction.End();
                }
                else
                {
                    await PutOffAsync(transaction, last.Reply).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            site.Close();
            foreach (OutboundTransaction transaction in (OutboundTransaction[])[.. _underWay, .. _returned, .. _unsent])
            {
                loop.PutBack(transaction.Message);
                transaction.End();
            }
        }

        if (site.IsSuspended(out reason))
        {
            await PutOffAllAsync(reason).ConfigureAwait(false);
        }
    }

    OutboundTransaction? ITransactionSource.Next()
    {
        OutboundConnection connection = _connection!;
        while (MayBegin && !_isOver && connection.IsUsable && !pool.IsOld(connection) && _unsent.Count < MostUnsent)
        {
            if (!_returned.TryDequeue(out OutboundTransaction? transaction))
            {
                if (!site.TryTake(out QueuedMessage? message))
                {
                    return null;
                }

                transaction = Begin(message);
            }

            transaction.Result.Hop = _hop;
            if (Overdue(transaction) is not { } reason)
            {
                transaction.Epoch = site.Epoch;
                _underWay.Add(transaction);
                return transaction;
            }

            transaction.Result.SetRest(new RecipientOutcome(OutcomeKind.Deferred, AttemptFailure.LocalReply(4, 4, 7, reason)));
            _unsent.Enqueue(transaction);
        }

        return null;
    }

    async ValueTask ITransactionSource.DoneAsync(OutboundTransaction transaction)
    {
        _underWay.Remove(transaction);
        Report(transaction);
        await SettleAsync(transaction).ConfigureAwait(false);
        await SettleUnsentAsync().ConfigureAwait(false);
    }

    void ITransactionSource.GiveBack(OutboundTransaction transaction)
    {
        _underWay.Remove(transaction);
        if (transaction.HostRefusal is { } refusal)
        {
            transaction.Result.SetRest(new RecipientOutcome(OutcomeKind.Failed, refusal));
            _unsent.Enqueue(transaction);
            return;
        }

        foreach (RecipientOutcome outcome in transaction.Result.Outcomes)
        {
            if (outcome.Kind != OutcomeKind.None)
            {
                // A server has spoken of some: they are settled, the others by the schedule.
                transaction.Result.SetRest(new RecipientOutcome(OutcomeKind.Deferred, AttemptFailure.LocalReply(4, 4, 2, "the connection ended before the message was handed over")));
                _unsent.Enqueue(transaction);
                return;
            }
        }

        QueuedMessage message = transaction.Message;
        transaction.End();
        Begin(transaction, message);
        _returned.Enqueue(transaction);
    }

    /// <summary>Tells the site what this transaction says about it. With several under way, the time since the reply to the one before is the nearest to what this one took.</summary>
    private void Report(OutboundTransaction transaction)
    {
        long now = time.GetTimestamp();
        TimeSpan taken = time.GetElapsedTime(_lastReply, now);
        TimeSpan sinceStart = time.GetUtcNow() - transaction.Result.Started;
        _lastReply = now;
        bool delivered = false;
        foreach (RecipientOutcome outcome in transaction.Result.Outcomes)
        {
            if (Pushback.IsOne(outcome.Reply))
            {
                _isOver |= site.Pushback(transaction.Epoch, outcome.Reply);
                return;
            }

            delivered |= outcome.Kind == OutcomeKind.Delivered;
        }

        _isOver |= site.Answered(transaction.Epoch, !delivered ? null : sinceStart < taken ? sinceStart : taken);
    }

    /// <summary>Why it isn't sent any more, or null. The last try is planned for the very end of a message's time: only one that has waited behind that comes too late.</summary>
    private string? Overdue(OutboundTransaction transaction)
    {
        DateTimeOffset now = transaction.Result.Started;
        return transaction.Message.IsTooLate(now) ? "the time by which its sender wanted it delivered has passed"
            : now > _settings.Retry.End(transaction.Message.Message) + Grace ? "its time was over before a connection was free for it"
            : null;
    }

    /// <summary>Null when a host has taken what there was; otherwise why the last one didn't.</summary>
    private async ValueTask<AttemptFailure?> GoThroughHostsAsync()
    {
        AttemptFailure? last = null;
        List<HostTarget> targets = site.Targets(time.GetUtcNow(), Random.Shared);
        for (int i = 0; i < targets.Count && MayBegin; i++)
        {
            HostTarget target = targets[i];
            int epoch = site.Epoch;
            var key = new ConnectionKey(target.Address, target.Port, target.Host, site.Key.Scheme, site.Key.Tls);
            OutboundConnection? connection = await pool.TakeAsync(key).ConfigureAwait(false);
            bool reused = connection is not null;
            if (connection is null)
            {
                ConnectResult opened = await _settings.Connector.ConnectAsync(key).ConfigureAwait(false);
                if (opened.Connection is null)
                {
                    last = opened.Failure;
                    _hop = new HopInfo(new NextHopInfo(key.Host, key.Address, key.Port), null, null);
                    site.HostFailed(key.Host, epoch, last!.Reply, time.GetUtcNow());
                    continue;
                }

                connection = opened.Connection;
            }

            last = await UseAsync(connection).ConfigureAwait(false);
            if (last is not null && !reused)
            {
                site.Pushback(epoch, last.Reply);
            }

            if (last is null || (_returned.Count == 0 && (!reused || site.Count == 0)))
            {
                return null;
            }

            if (reused)
            {
                // An idle connection may have been dying when it was taken; that says nothing about the host.
                i--;
            }
        }

        return last;
    }

    private async ValueTask<AttemptFailure?> UseAsync(OutboundConnection connection)
    {
        _connection = connection;
        _hop = connection.Hop;
        _lastReply = time.GetTimestamp();
        site.Connected(connection.Key.Host);
        bool ended = false;
        try
        {
            AttemptFailure? failure = await _settings.Session.RunAsync(connection, this).ConfigureAwait(false);
            await SettleUnsentAsync().ConfigureAwait(false);
            ended = true;
            return failure;
        }
        finally
        {
            site.Disconnected(connection.Key.Host);
            if (!ended)
            {
                connection.Break();
            }

            await pool.ReturnAsync(connection).ConfigureAwait(false);
        }
    }

    /// <summary>Everything that is ready, for the same reason, as long as that holds.</summary>
    private async ValueTask PutOffAllAsync(PeerReply reason)
    {
        while (!loop.IsStopping && site.IsSuspended(out _) && site.TryTake(out QueuedMessage? message))
        {
            await PutOffAsync(Begin(message), reason).ConfigureAwait(false);
        }
    }

    private ValueTask PutOffAsync(OutboundTransaction transaction, PeerReply reason)
    {
        transaction.Result.Hop = _hop;
        transaction.Result.SetRest(new RecipientOutcome(OutcomeKind.Deferred, reason));
        return SettleAsync(transaction);
    }

    private async ValueTask SettleUnsentAsync()
    {
        while (_unsent.TryDequeue(out OutboundTransaction? transaction))
        {
            await SettleAsync(transaction).ConfigureAwait(false);
        }
    }

    private async ValueTask SettleAsync(OutboundTransaction transaction)
    {
        await loop.SettleAsync(transaction.Message, transaction.Result).ConfigureAwait(false);
        transaction.End();
        _spare.Push(transaction);
    }

    private OutboundTransaction Begin(QueuedMessage message)
    {
        OutboundTransaction transaction = _spare.TryPop(out OutboundTransaction? spare) ? spare : new OutboundTransaction();
        Begin(transaction, message);
        return transaction;
    }

    private void Begin(OutboundTransaction transaction, QueuedMessage message) => transaction.Begin(message, spool.OpenBody(message.Message), time.GetUtcNow());
}

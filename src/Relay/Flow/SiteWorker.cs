using Relay.Concurrency;
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
internal sealed class SiteWorker(Site site, DeliveryLoop loop, BoundedWork<Site> places, MessageSpool spool, OutboundPool pool, TimeProvider time) : ITransactionSource
{
    // Messages that end without being sent are settled in between; so many at most are gathered for that.
    private const int MostUnsent = 16;

    /// <summary>A server that ends a connection after so many messages has had what it takes on one, and isn't overloaded.</summary>
    private const int FairShare = 20;

    /// <summary>So many messages and the place goes to the next who waits for one: a site with much mail doesn't keep others from being served as often as it is.</summary>
    private const int Turn = 50;

    private readonly DeliverySettings _settings = loop.Settings;
    private readonly Stack<OutboundTransaction> _spare = new();
    private readonly List<OutboundTransaction> _underWay = [];
    private readonly Queue<OutboundTransaction> _returned = new();
    private readonly Queue<OutboundTransaction> _refused = new();
    private readonly Queue<OutboundTransaction> _unsent = new();
    private AttemptFailure? _failed;
    private bool _othersLeft;
    private OutboundConnection? _connection;
    private long _lastReply;
    private bool _isOver;
    private int _begun;
    private HopInfo? _hop;

    private readonly TlsCounting? _counting = loop.Tally() is { } tally ? new TlsCounting(tally, site.Key.Tls.Sts) : null;

    private bool MayBegin => !loop.IsStopping && ReferenceEquals(_settings, loop.Settings);

    /// <summary>Until there is nothing to send, or nowhere to send it. What is still in hand when it throws has been put back.</summary>
    public async Task RunAsync()
    {
        try
        {
            await SettleUnsendableAsync().ConfigureAwait(false);
            if (!site.TryOpen())
            {
                return;
            }

            try
            {
                AttemptFailure? last = await GoThroughHostsAsync().ConfigureAwait(false);
                await SettleReturnedAsync(last).ConfigureAwait(false);
                // A site isn't suspended for what is our own trouble, as another source may do: some messages are put off, and the next worker picks again.
                for (int i = 0; i < MostUnsent && last is { IsOurs: true } && MayBegin && site.TryTake(_settings.Tenants, out QueuedMessage? message); i++)
                {
                    await PutOffAsync(Begin(message), last.Reply).ConfigureAwait(false);
                }
            }
            finally
            {
                site.Close();
            }

            await SettleUnsendableAsync().ConfigureAwait(false);
        }
        finally
        {
            foreach (OutboundTransaction transaction in (OutboundTransaction[])[.. _underWay, .. _returned, .. _refused, .. _unsent])
            {
                loop.PutBack(transaction.Message);
                transaction.End();
            }
        }
    }

    OutboundTransaction? ITransactionSource.Next()
    {
        OutboundConnection connection = _connection!;
        if (_begun >= Turn && places.Waiting > 0)
        {
            return null;
        }

        int share = site.Key.Limits.MessagesPerConnection;
        if (share > 0 && connection.Mails >= share)
        {
            connection.IsSpent = true;
        }

        // What this host doesn't take is not kept waiting for all that it does.
        while (MayBegin && !_isOver && _refused.Count == 0 && connection.IsUsable && !pool.IsOld(connection) && _unsent.Count < MostUnsent)
        {
            if (!_returned.TryDequeue(out OutboundTransaction? transaction))
            {
                if (!site.TryTake(_settings.Tenants, out QueuedMessage? taken))
                {
                    return null;
                }

                if (loop.Unordered(taken) is not { } message)
                {
                    continue;
                }

                transaction = Begin(message);
            }

            transaction.HostRefusal = null;
            transaction.Result.Hop = _hop;
            if (_settings.Retry.Overdue(transaction.Message, transaction.Result.Started) is not { } reason)
            {
                _counting?.Begun(connection, transaction.Message.Destination);
                transaction.Epoch = site.Epoch;
                _underWay.Add(transaction);
                _begun++;
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
        if (transaction.HostRefusal is not { } refusal)
        {
            _returned.Enqueue(transaction);
        }
        else if (_othersLeft)
        {
            _refused.Enqueue(transaction);
        }
        else
        {
            // A host that couldn't be asked might take it.
            transaction.Result.SetRest(_failed?.Outcome ?? new RecipientOutcome(OutcomeKind.Failed, refusal));
            _unsent.Enqueue(transaction);
        }
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
                ReportNews();
                return;
            }

            delivered |= outcome.Kind == OutcomeKind.Delivered;
        }

        _isOver |= site.Answered(transaction.Epoch, !delivered ? null : sinceStart < taken ? sinceStart : taken);
        ReportNews();
    }

    private void ReportNews()
    {
        if (site.TakeNews() is { } change)
        {
            loop.Report(site, change);
        }
    }

    /// <summary>Null when a host has taken what there was; otherwise why the last one didn't.</summary>
    private async ValueTask<AttemptFailure?> GoThroughHostsAsync()
    {
        AttemptFailure? last = null;
        EgressSource? source = site.Key.Egress?.Pick(Random.Shared);
        List<HostTarget> targets = site.Targets(time.GetUtcNow(), Random.Shared);
        int end;
        for (int start = 0; start < targets.Count && MayBegin; start = end)
        {
            int epoch = site.Epoch;
            ConnectionKey[] addresses = AddressesOfOneHost(targets, start, source, out end);
            _othersLeft = end < targets.Count;
            if (targets[start].Tls!.Refusal is { } refusal)
            {
                last = AttemptFailure.PolicyForbids(refusal);
                Failed(last, addresses[0], source, null, epoch);
                continue;
            }

            OutboundConnection? connection = await pool.TakeAsync(addresses).ConfigureAwait(false);
            bool reused = connection is not null;
            if (connection is null)
            {
                ConnectResult opened = await _settings.Connector.ConnectAsync(addresses).ConfigureAwait(false);
                if (opened.Connection is null)
                {
                    last = opened.Failure!;
                    Failed(last, opened.Tried, source, opened.From, epoch);
                    continue;
                }

                connection = opened.Connection;
            }

            last = await UseAsync(connection).ConfigureAwait(false);
            if (last is not null && !reused && connection.Mails < FairShare)
            {
                site.Pushback(epoch, last.Reply);
                ReportNews();
            }

            if (_refused.Count == 0 && (last is null || (_returned.Count == 0 && (!reused || site.Count == 0))))
            {
                return null;
            }

            while (_refused.TryDequeue(out OutboundTransaction? refused))
            {
                _returned.Enqueue(refused);
            }

            if (reused && last is not null)
            {
                // An idle connection may have been dying when it was taken; that says nothing about the host.
                end = start;
            }
        }

        return last;
    }

    /// <summary>Nothing could be handed to a host.</summary>
    private void Failed(AttemptFailure failure, in ConnectionKey tried, EgressSource? source, string? from, int epoch)
    {
        _counting?.Failed(failure, tried, from);
        _hop = new HopInfo(new NextHopInfo(tried.Host, tried.Address, tried.Port), source?.Name, null) { Policy = tried.Tls.Word };
        _failed = failure;
        if (!failure.IsOurs)
        {
            site.HostFailed(tried.Host, epoch, failure.Reply, time.GetUtcNow());
            ReportNews();
        }
    }

    /// <summary>A host's addresses stand together.</summary>
    private ConnectionKey[] AddressesOfOneHost(List<HostTarget> targets, int start, EgressSource? source, out int end)
    {
        string host = targets[start].Host;
        for (end = start + 1; end < targets.Count && targets[end].Host == host; end++)
        {
        }

        SiteKey key = site.Key;
        return [.. targets[start..end].Select(t => new ConnectionKey(t.EndPoint, host, key.Scheme, t.Tls!, source, key.Credentials))];
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

    /// <summary>What came back from the last host. <paramref name="last"/>: why that took nothing more; null when nothing is known against the hosts that were not tried.</summary>
    private async ValueTask SettleReturnedAsync(AttemptFailure? last)
    {
        while (_returned.TryDequeue(out OutboundTransaction? transaction))
        {
            if (last is not null && MayBegin)
            {
                await PutOffAsync(transaction, last.Reply).ConfigureAwait(false);
            }
            else if (transaction.Result.HasFinal)
            {
                // A server has spoken of some recipients, and that is kept.
                await PutOffAsync(transaction, last?.Reply ?? AttemptFailure.LocalReply(4, 4, 2, "the connection ended before the message was handed over")).ConfigureAwait(false);
            }
            else
            {
                site.Add(transaction.Message);
                transaction.End();
            }
        }
    }

    /// <summary>What is overdue, and everything that is ready as long as the site is suspended.</summary>
    private async ValueTask SettleUnsendableAsync()
    {
        while (!loop.IsStopping && site.TryTakeUnsent(_settings.Tenants, out QueuedMessage? message, out PeerReply reason))
        {
            PeerReply why = _settings.Retry.Overdue(message, time.GetUtcNow()) is { } overdue ? AttemptFailure.LocalReply(4, 4, 7, overdue) : reason;
            await PutOffAsync(Begin(message), why).ConfigureAwait(false);
        }
    }

    private ValueTask PutOffAsync(OutboundTransaction transaction, PeerReply reason)
    {
        // What is put off without anybody being asked has a policy too.
        transaction.Result.Hop = _hop ??= new HopInfo(null, null, null) { Policy = site.TlsPolicies };
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
        _counting?.Ended(transaction.Message.Destination);
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

    private void Begin(OutboundTransaction transaction, QueuedMessage message) => transaction.Begin(message, spool.OpenBody(message.Message), site.Key.Limits.RecipientsPerMessage, time.GetUtcNow());
}

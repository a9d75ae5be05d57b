using Relay.Spool;
using Relay.Telemetry;

namespace Relay.Flow.Send;

/// <summary>
/// What a worker sends with: it keeps the connection from one message to the next, takes idle ones from the pool, and goes through the hosts of a plan until one gives
/// an answer. One worker's; disposing it hands the connection back to the pool.
/// </summary>
internal sealed class DeliveryAttempt(OutboundPool pool, Connector connector, SmtpClientSession smtp, OutboundTls tls, NextHopScheme scheme) : IAsyncDisposable
{
    private OutboundConnection? _connection;

    /// <summary>Sends over the connection in hand. False: there is none (any more), and the message was not handed over; a plan is needed.</summary>
    public async ValueTask<bool> TrySendAsync(QueuedMessage message, SpoolBody body, AttemptResult result)
    {
        if (_connection is not { } connection)
        {
            return false;
        }

        if (pool.IsOld(connection))
        {
            await LeaveAsync().ConfigureAwait(false);
            return false;
        }

        return await SendAsync(connection, message, body, result).ConfigureAwait(false) is null;
    }

    /// <summary>Sends to the first host of the plan that gives an answer. True when one did; false when none could be used, which is then everyone's outcome.</summary>
    public async ValueTask<bool> SendAsync(QueuedMessage message, SpoolBody body, IReadOnlyList<HostTarget> targets, AttemptResult result)
    {
        AttemptFailure? last = null;
        foreach (HostTarget target in targets)
        {
            var key = new ConnectionKey(target.Address, target.Port, target.Host, scheme, tls);
            while (true)
            {
                bool reused = true;
                OutboundConnection? connection = await pool.TakeAsync(key).ConfigureAwait(false);
                if (connection is null)
                {
                    reused = false;
                    ConnectResult opened = await connector.ConnectAsync(key).ConfigureAwait(false);
                    if (opened.Connection is null)
                    {
                        last = opened.Failure;
                        result.Hop = new HopInfo(new NextHopInfo(key.Host, key.Address, key.Port), null, null);
                        break;
                    }

                    connection = opened.Connection;
                }

                _connection = connection;
                last = await SendAsync(connection, message, body, result).ConfigureAwait(false);
                if (last is null)
                {
                    return true;
                }

                // An idle connection may have been dying when it was taken; that says nothing about the host.
                if (!reused)
                {
                    break;
                }
            }
        }

        result.SetRest(new RecipientOutcome(OutcomeKind.Deferred, last?.Reply ?? AttemptFailure.LocalReply(4, 4, 4, "the destination has no host to try")));
        return false;
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await pool.ReturnAsync(connection).ConfigureAwait(false);
        }
    }

    /// <summary>Drops the connection in the middle of whatever it was doing, so that nothing half sent can count as a message.</summary>
    public async ValueTask AbandonAsync()
    {
        _connection?.Break();
        await LeaveAsync().ConfigureAwait(false);
    }

    private async ValueTask<AttemptFailure?> SendAsync(OutboundConnection connection, QueuedMessage message, SpoolBody body, AttemptResult result)
    {
        result.Hop = connection.Hop;
        AttemptFailure? failure = await smtp.SendAsync(connection, message, body, result).ConfigureAwait(false);
        if (!connection.IsUsable)
        {
            await LeaveAsync().ConfigureAwait(false);
        }

        if (failure is { Scope: FailureScope.Unconfirmed })
        {
            // It may have arrived: to try the next host at once would most likely make a second copy.
            result.SetRest(new RecipientOutcome(OutcomeKind.Deferred, failure.Reply));
            return null;
        }

        return failure;
    }

    private async ValueTask LeaveAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await pool.CloseAsync(connection).ConfigureAwait(false);
        }
    }
}

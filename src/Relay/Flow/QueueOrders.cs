using Microsoft.Extensions.Logging;
using Relay.Flow.Queue;
using Relay.Protocol.Message;
using Relay.Spool;
using Relay.Telemetry;

namespace Relay.Flow;

/// <summary>
/// Does what an operator orders with mail that waits, one order at a time. What is to become of a recipient is written down in the spool first, and then told to the queue; a message that is being sent finds it when it comes back. So
/// nothing is taken from whoever has it, and each recipient is settled once, by its owner. Any thread.
/// </summary>
#pragma warning disable CA1001 // A semaphore whose wait handle nobody asks for holds nothing to dispose of.
internal sealed class QueueOrders(MessageSpool spool, MessageQueue queue, DeliveryLog deliveries, TimeProvider time, ILogger log)
#pragma warning restore CA1001
{
    /// <summary>So many messages are changed between two looks at what waits to be written.</summary>
    private const int ChangesInARow = 5000;

    private readonly SemaphoreSlim _turn = new(1);

    /// <summary><paramref name="cancel"/> ends the wait for orders before this one; once begun it is done.</summary>
    public async Task<OrderAnswer> DoAsync(QueueOrder order, QueueSelector selector, string who, CancellationToken cancel)
    {
        await _turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            OrderAnswer answer = order == QueueOrder.Retry ? await RetryAsync(selector).ConfigureAwait(false) : await ChangeAsync(order, selector).ConfigureAwait(false);
            SettleLog.Ordered(log, LogText.Clean(who), order.ToString().ToLowerInvariant(), LogText.Clean(selector.ToString()), answer.Messages, answer.Parked);
            return answer;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<OrderAnswer> RetryAsync(QueueSelector selector)
    {
        IEnumerable<SpooledMessage> messages = Messages(selector, out long parked);
        int count = 0;
        foreach (SpooledMessage message in messages)
        {
            count += selector.Means(message, out Predicate<int> which) && MessageSpool.Pending(message).Any(p => p.Order == RecipientOrder.None && which(p.Recipient)) ? 1 : 0;
        }

        await queue.TryNowAsync(m => selector.Means(m.Message, out Predicate<int> which) && Array.Exists(m.Recipients, r => which(r))).ConfigureAwait(false);
        return new OrderAnswer { Messages = count, Parked = parked };
    }

    private async Task<OrderAnswer> ChangeAsync(QueueOrder order, QueueSelector selector)
    {
        // What comes later isn't meant.
        QueueId last = spool.LastId;
        long parked;
        long count = 0;
        string? failure = null;
        bool again;
        do
        {
            again = false;
            foreach (SpooledMessage message in Messages(selector, out parked))
            {
                if (message.Id > last || !Change(message, order, selector))
                {
                    continue;
                }

                count++;
                // A message that was moved in the log meanwhile may have been passed over: until a look at all of them finds nothing.
                again = selector.Id is null;
                if (count % ChangesInARow == 0)
                {
                    failure = await FlushAsync().ConfigureAwait(false) ?? failure;
                    await deliveries.HasRoomAsync().ConfigureAwait(false);
                }
            }
        }
        while (again);

        failure = await FlushAsync().ConfigureAwait(false) ?? failure;
        await queue.ObeyAsync(selector.MayMean).ConfigureAwait(false);
        return new OrderAnswer { Messages = count, Parked = parked, Failure = failure };
    }

    private IEnumerable<SpooledMessage> Messages(QueueSelector selector, out long parked)
    {
        if (selector.Id is not { } id)
        {
            parked = spool.Parked;
            return spool.All();
        }

        FoundMessage? found = spool.Find(id);
        parked = found is { IsParked: true } ? 1 : 0;
        return found is { IsParked: false } there ? [there.Message] : [];
    }

    /// <summary>Whether it is new for any recipient. That something is held or released is logged here; that it is given up, when that is done.</summary>
    private bool Change(SpooledMessage message, QueueOrder order, QueueSelector selector)
    {
        if (!selector.Means(message, out Predicate<int> which))
        {
            return false;
        }

        DateTimeOffset now = time.GetUtcNow();
        IReadOnlyList<int> changed = MessageSpool.Order(message, Of(order), which, now);
        foreach (int recipient in order is QueueOrder.Hold or QueueOrder.Release ? changed : [])
        {
            deliveries.Write(new DeliveryRecord
            {
                Time = now,
                Id = message.Id,
                Event = order == QueueOrder.Hold ? DeliveryEvent.Held : DeliveryEvent.Released,
                Size = message.Size,
                DelayMs = (long)(now - message.Arrived).TotalMilliseconds,
                Client = message.Client?.ToString(),
            }, message.Envelope.ReversePath, message.Envelope.Recipient(recipient));
        }

        return changed.Count > 0;
    }

    private static RecipientOrder Of(QueueOrder order) => order switch
    {
        QueueOrder.Hold => RecipientOrder.Hold,
        QueueOrder.Bounce => RecipientOrder.Bounce,
        QueueOrder.Drop => RecipientOrder.Drop,
        _ => RecipientOrder.None,
    };

    private async Task<string?> FlushAsync()
    {
        try
        {
            await spool.FlushAsync().ConfigureAwait(false);
            return null;
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }
}

using System.Diagnostics.CodeAnalysis;
using Relay.Concurrency;
using Relay.Spool;

namespace Relay.Flow.Queue;

/// <summary>
/// Mail of which an operator has said what is to become of it (<see cref="RecipientOrder"/>), out of its turn: what is held waits here until it is released, what is to be given up until somebody settles it. What the spool says of a
/// recipient is looked at under the lock of this, so that mail that is released at that moment isn't kept. Any thread; the lock is held for a moment, or for a look at each message that is held.
/// </summary>
internal sealed class OrderedMail
{
    private readonly Lock _gate = new();
    private Fifo<QueuedMessage> _held;
    private Fifo<QueuedMessage> _ending;
    private long _count;

    /// <summary>Messages here (one counts once for each destination).</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>
    /// Takes over those recipients of a message of which an operator has said something. Gives what is left: the message itself when that is all of it, null when nothing is. <paramref name="ends"/>: something is there
    /// for <see cref="TryTakeEnding"/>.
    /// </summary>
    public QueuedMessage? Sort(QueuedMessage message, out bool ends)
    {
        ends = false;
        lock (_gate)
        {
            List<IGrouping<RecipientOrder, ushort>> groups = [.. message.Recipients.GroupBy(r => MessageSpool.OrderOf(message.Message, r))];
            if (groups is [{ Key: RecipientOrder.None }])
            {
                return message;
            }

            QueuedMessage? rest = null;
            foreach (IGrouping<RecipientOrder, ushort> group in groups)
            {
                QueuedMessage part = Part(message, [.. group]);
                if (group.Key == RecipientOrder.None)
                {
                    rest = part;
                    continue;
                }

                part.Site?.Release();
                part.Site = null;
                ends |= group.Key != RecipientOrder.Hold;
                Add(part, group.Key);
            }

            message.Site?.Release();
            message.Destination.Release();
            return rest;
        }
    }

    /// <summary>The next message that is to be given up, all of its recipients for the same reason.</summary>
    public bool TryTakeEnding([NotNullWhen(true)] out QueuedMessage? message)
    {
        lock (_gate)
        {
            message = _ending.First is null ? null : _ending.Take();
        }

        if (message is not null)
        {
            Interlocked.Decrement(ref _count);
        }

        return message is not null;
    }

    /// <summary>Takes out what was held and isn't to be any more, in whole or in part.</summary>
    public Fifo<QueuedMessage> TakeReleased(Predicate<SpooledMessage> which)
    {
        var released = default(Fifo<QueuedMessage>);
        lock (_gate)
        {
            int moved = _held.MoveTo(ref released, m => which(m.Message) && !Array.TrueForAll(m.Recipients, r => MessageSpool.OrderOf(m.Message, r) == RecipientOrder.Hold));
            Interlocked.Add(ref _count, -moved);
        }

        for (QueuedMessage? message = released.First; message is not null; message = message.Next)
        {
            message.Destination.SetAside(-1);
        }

        return released;
    }

    private void Add(QueuedMessage message, RecipientOrder order)
    {
        Interlocked.Increment(ref _count);
        if (order == RecipientOrder.Hold)
        {
            message.Destination.SetAside(1);
            _held.Add(message);
        }
        else
        {
            _ending.Add(message);
        }
    }

    /// <summary>With holds of its own on destination and site, which the whole has as well.</summary>
    private static QueuedMessage Part(QueuedMessage message, ushort[] recipients)
    {
        message.Destination.TryHold();
        message.Site?.TryHold();
        return new QueuedMessage(message.Message, recipients, message.Destination) { Attempts = message.Attempts, NextAttempt = message.NextAttempt, Site = message.Site };
    }
}

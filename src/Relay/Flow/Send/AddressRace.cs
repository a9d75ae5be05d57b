using System.Net.Sockets;

namespace Relay.Flow.Send;

/// <summary>
/// Dials the addresses of one host, each a while after the one before, until one answers (RFC 8305 §5): a family that doesn't work costs a quarter of a second and not a connect time-out.
/// Any thread; holds no state beyond <see cref="FamilyMemory"/>.
/// </summary>
internal sealed class AddressRace(IDialer dialer, TimeProvider time, FamilyMemory families)
{
    /// <summary>RFC 8305 §8: the recommended head start.</summary>
    private static readonly TimeSpan HeadStart = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// The first to answer, or the failure of the last when none does within <paramref name="timeout"/>, which holds for all together. The losers are closed. The addresses are tried in their order, but
    /// that a family that failed lately comes behind the other.
    /// </summary>
    public async ValueTask<RaceResult> RunAsync(IReadOnlyList<ConnectionKey> addresses, TimeSpan timeout)
    {
        using var cancel = new CancellationTokenSource(timeout, time);
        ConnectionKey[] order = families.Order(addresses);
        var running = new List<(ConnectionKey Key, Task<Dialed> Dial)>(order.Length);
        var failed = new List<ConnectionKey>();
        Exception? failure = null;
        int next = 0;
        while (next < order.Length || running.Count > 0)
        {
            if (next < order.Length)
            {
                running.Add((order[next], DialAsync(order[next], cancel.Token)));
                next++;
            }

            bool more;
            do
            {
                more = await WaitAsync(running, next < order.Length, cancel.Token).ConfigureAwait(false);
                for (int i = 0; i < running.Count; i++)
                {
                    (ConnectionKey key, Task<Dialed> dial) = running[i];
                    if (!dial.IsCompleted)
                    {
                        continue;
                    }

                    running.RemoveAt(i--);
                    try
                    {
                        Dialed dialed = await dial.ConfigureAwait(false);
                        families.Won(key, [.. running.Select(static r => r.Key), .. failed]);
                        await cancel.CancelAsync().ConfigureAwait(false);
                        CloseLate(running);
                        return new RaceResult(key, dialed, null);
                    }
                    catch (Exception e) when (e is SocketException or OperationCanceledException or IOException)
                    {
                        // A reason of our own says more than what the others are told afterwards.
                        failure = failure is SourceAddressException ? failure : e;
                        if (e is not SocketException { SocketErrorCode: SocketError.ConnectionRefused })
                        {
                            // Refused, it has been reached: nothing is wrong with the family.
                            failed.Add(key);
                        }
                    }
                }
            }
            while (!more && running.Count > 0);
            if (cancel.IsCancellationRequested)
            {
                next = order.Length;
            }
        }

        return new RaceResult(order[^1], default, failure);
    }

    /// <summary>Until one of them has ended, or it is time for the next address; whether the next one may begin.</summary>
    private async ValueTask<bool> WaitAsync(List<(ConnectionKey Key, Task<Dialed> Dial)> running, bool hasNext, CancellationToken cancel)
    {
        if (!hasNext)
        {
            await Task.WhenAny(running.Select(static r => r.Dial)).ConfigureAwait(false);
            return false;
        }

        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Task headStart = Task.Delay(HeadStart, time, waiting.Token);
        await Task.WhenAny([headStart, .. running.Select(static r => r.Dial)]).ConfigureAwait(false);
        await waiting.CancelAsync().ConfigureAwait(false);
        return true;
    }

    private async Task<Dialed> DialAsync(ConnectionKey key, CancellationToken cancel) =>
        await dialer.DialAsync(key.EndPoint, key.Source?.AddressFor(key.EndPoint.AddressFamily), cancel).ConfigureAwait(false);

    private static void CloseLate(List<(ConnectionKey Key, Task<Dialed> Dial)> losers)
    {
        foreach ((_, Task<Dialed> dial) in losers)
        {
            _ = CloseLateAsync(dial);
        }
    }

    /// <summary>A loser may still arrive at the finish: nobody wants it.</summary>
    private static async Task CloseLateAsync(Task<Dialed> dial)
    {
        try
        {
            (await dial.ConfigureAwait(false)).Close.Dispose();
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or IOException)
        {
            // It has lost; why it didn't arrive is of no interest.
        }
    }
}

using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// Clients that send one message after the other, each with an entry in the ledger, until they are stopped. Sizes are spread evenly over the orders of magnitude. A client
/// whose connection breaks, or who is told to come back later, comes back. Disposing stops them.
/// </summary>
internal sealed class SteadyLoad : IAsyncDisposable
{
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(20);

    private readonly Func<IPEndPoint> _relay;
    private readonly Ledger _ledger;
    private readonly int _largestBody;
    private readonly Func<bool> _pauses;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, int> _refusals = new();
    private readonly Task[] _clients;

    private SteadyLoad(Func<IPEndPoint> relay, Ledger ledger, int connections, int largestBody, int seed, Func<bool> pauses)
    {
        _pauses = pauses;
        _relay = relay;
        _ledger = ledger;
        _largestBody = largestBody;
        _clients = [.. Enumerable.Range(0, connections).Select(i => Task.Run(() => SendAsync(new Random(seed + i + 1)), CancellationToken.None))];
    }

    /// <summary>Replies other than 250 to an end of data or before it: the code with its enhanced code, and how often.</summary>
    public IReadOnlyDictionary<string, int> Refusals => _refusals;

    /// <summary>The relay's address is asked for at each connection: it changes when the relay starts again. <paramref name="pauses"/>: no message is begun while it says so.</summary>
    public static SteadyLoad Start(Func<IPEndPoint> relay, Ledger ledger, int connections, int largestBody, int seed, Func<bool>? pauses = null) =>
        new(relay, ledger, connections, largestBody, seed, pauses ?? (static () => false));

    /// <summary>Lets each client end the message it is at.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task SendAsync(Random random)
    {
        RawClient? client = null;
        while (!_stop.IsCancellationRequested)
        {
            if (_pauses())
            {
                await Task.Delay(Breath, TimeProvider.System, CancellationToken.None);
                continue;
            }

            try
            {
                if (client is null)
                {
                    client = await RawClient.ConnectAsync(_relay());
                    await client.HelloAsync();
                }

                TestMessage message = TestMessage.Create(random, 2 + (int)Math.Exp(random.NextDouble() * Math.Log(_largestBody)));
                string reply = await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content, () => _ledger.Sent(message));
                if (reply.StartsWith("250 ", StringComparison.Ordinal))
                {
                    _ledger.Acknowledge(message);
                    continue;
                }

                _refusals.AddOrUpdate(reply[..Math.Min(9, reply.Length)], 1, (_, n) => n + 1);
            }
            catch (Exception e) when (e is IOException or SocketException or Xunit.Sdk.XunitException)
            {
                // The relay went away under the session: the ledger says what was promised until then.
            }

            client?.Dispose();
            client = null;
            await Task.Delay(Breath, TimeProvider.System, CancellationToken.None);
        }

        client?.Dispose();
    }
}

using System.Collections.Concurrent;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A next hop for long runs: keeps a receipt of each message, written before its 250 is sent, and nothing else. It may defer a share of the recipients, so that mail waits
/// in the relay's queue and comes again. Safe on any thread.
/// </summary>
internal sealed class ReceiptSink : IAsyncDisposable
{
    private readonly ConcurrentQueue<Receipt> _receipts = new();
    private readonly ScriptedServer _server;
    private double _deferred;

    public ReceiptSink(double deferred = 0)
    {
        _deferred = deferred;
        _server = ScriptedServer.Start(new ServerScript
        {
            KeepRecords = false,
            OnRecipient = _ => Random.Shared.NextDouble() < Volatile.Read(ref _deferred) ? "450 4.2.0 Not now" : null,
            OnMessage = message =>
            {
                _receipts.Enqueue(Receipt.Of(message));
                return null;
            },
        });
    }

    public string Address => _server.Address;

    public int Port => _server.Port;

    public int Count => _receipts.Count;

    public IReadOnlyList<Receipt> Receipts => [.. _receipts];

    /// <summary>The share of the recipients that is answered 450 from now on.</summary>
    public void Defer(double share) => Volatile.Write(ref _deferred, share);

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}

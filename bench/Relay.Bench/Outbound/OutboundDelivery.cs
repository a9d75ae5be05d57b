using System.Net;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Bench.Data;
using Relay.Concurrency;
using Relay.Flow;
using Relay.Flow.Queue;
using Relay.Flow.Send;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Testing;

namespace Relay.Bench.Outbound;

/// <summary>A message of 4 KiB over an established connection to a server in memory, from the body's opening to the outcome: what the outbound session itself costs.</summary>
public class OutboundDelivery : ITransactionSource, IDisposable
{
    private const int Messages = 64;

    private readonly Stack<OutboundTransaction> _spare = new();
    private Heartbeat? _heartbeat;
    private SmtpClientSession? _session;
    private OutboundConnection? _chunks;
    private OutboundConnection? _data;
    private MessageSpool? _spool;
    private QueuedMessage? _message;
    private int _left;

    [GlobalSetup]
    public void Begin()
    {
        _heartbeat = new Heartbeat(TimeProvider.System);
        _spool = MessageSpool.Open(MemoryRelay.Options.Spool, new MemoryStorage(), TimeProvider.System, NullLogger.Instance);
        _message = Store();
        _session = new SmtpClientSession(new DeliveryTimeouts(), TimeProvider.System, new RecentHosts(TimeProvider.System));
        const Extensions Offered = Extensions.Pipelining | Extensions.EightBitMime | Extensions.Size | Extensions.EnhancedStatusCodes;
        _chunks = Connect(Offered | Extensions.Chunking);
        _data = Connect(Offered);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _chunks!.Break();
        _data!.Break();
        _chunks.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _data.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _spool!.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _heartbeat!.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>RFC 3030, several messages in one flight.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Messages)]
    public void Bdat_4KiB() => Send(_chunks!);

    [Benchmark(OperationsPerInvoke = Messages)]
    public void Data_4KiB() => Send(_data!);

    OutboundTransaction? ITransactionSource.Next()
    {
        if (_left == 0)
        {
            return null;
        }

        _left--;
        OutboundTransaction transaction = _spare.TryPop(out OutboundTransaction? spare) ? spare : new OutboundTransaction();
        transaction.Begin(_message!, _spool!.OpenBody(_message!.Message), QueuedMessage.MaximumRecipients, TimeProvider.System.GetUtcNow());
        return transaction;
    }

    ValueTask ITransactionSource.DoneAsync(OutboundTransaction transaction)
    {
        if (transaction.Result.Outcomes[0].Kind != OutcomeKind.Delivered)
        {
            throw new InvalidOperationException($"{transaction.Result.Outcomes[0].Kind} instead of a delivery");
        }

        transaction.End();
        _spare.Push(transaction);
        return ValueTask.CompletedTask;
    }

    void ITransactionSource.GiveBack(OutboundTransaction transaction) => throw new InvalidOperationException("The server takes everything.");

    private void Send(OutboundConnection connection)
    {
        _left = Messages;
        ValueTask<AttemptFailure?> run = _session!.RunAsync(connection, this);
        // The server answers within the flush: nothing ever waits.
        if (!run.IsCompletedSuccessfully || run.GetAwaiter().GetResult() is not null)
        {
            throw new InvalidOperationException("The connection failed.");
        }
    }

    private OutboundConnection Connect(Extensions offered) =>
        new(new ConnectionKey(IPAddress.Loopback, 25, "mx.example.net", NextHopScheme.Smtp, OutboundTls.None), new MemoryServer().Client, _heartbeat!, 0) { Extensions = new ServerExtensions(offered, 10_000_000) };

    private QueuedMessage Store()
    {
        var builder = new EnvelopeBuilder();
        builder.Begin("sender@example.org"u8, BodyType.Unspecified, EnvelopeFlags.None);
        builder.TryAdd("user@example.net"u8);
        using SpoolTransaction transaction = _spool!.Begin();
        byte[] text = Texts.Of(TextKind.Lines, 4096);
        text.CopyTo(transaction.GetSpan(text.Length));
        transaction.Advance(text.Length);
        CommitResult stored = transaction.CommitAsync(builder.Build(), TimeProvider.System.GetUtcNow(), IPAddress.Loopback).AsTask().GetAwaiter().GetResult();
        return new QueuedMessage(stored.Message ?? throw new InvalidOperationException("The spool took no message."), [0], new Destination("example.net", null));
    }
}

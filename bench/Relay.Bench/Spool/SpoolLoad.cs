using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Bench.Spool;

/// <summary>
/// So many transactions at a time against a spool: each stores a message, waits until it is durable, and settles it, so that the log is recycled as it is under a relay
/// whose deliveries keep up.
/// </summary>
internal sealed class SpoolLoad(string folder, int concurrency, byte[] body)
{
    private const int Piece = 16 * 1024;

    private static readonly Envelope OneRecipient = MakeEnvelope();

    private readonly Latencies _latencies = new();
    private long _batches;
    private long _octets;
    private long _messages;
    private volatile bool _stop;

    /// <summary>Messages of one group commit, on average.</summary>
    public double BatchMessages { get; private set; }

    /// <summary>Octets that one group commit wrote, on average, without bodies in files of their own.</summary>
    public double BatchOctets { get; private set; }

    public async Task<RateResult> RunAsync(TimeSpan warmUp, TimeSpan duration)
    {
        var disk = new CountingStorage();
        var options = new SpoolOptions { Paths = [folder] };
        await using MessageSpool spool = MessageSpool.Open(options, disk, TimeProvider.System, NullLogger.Instance, Observe);
        // What an earlier turn left is gone, but until that is known its segments can't be used again.
        await spool.RecoverAsync(static _ => { }, CancellationToken.None).ConfigureAwait(false);
        Task[] workers = [.. Enumerable.Range(0, concurrency).Select(_ => Task.Run(() => WorkAsync(spool)))];
        await Task.Delay(warmUp, TimeProvider.System).ConfigureAwait(false);
        _latencies.Clear();
        (long messages, long batches, long octets, long syncs) = (Interlocked.Read(ref _messages), Interlocked.Read(ref _batches), Interlocked.Read(ref _octets), disk.Syncs);
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        long start = Stopwatch.GetTimestamp();
        await Task.Delay(duration, TimeProvider.System).ConfigureAwait(false);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        messages = Interlocked.Read(ref _messages) - messages;
        batches = Interlocked.Read(ref _batches) - batches;
        octets = Interlocked.Read(ref _octets) - octets;
        var result = new RateResult(messages, elapsed, disk.Syncs - syncs, octets, GC.GetTotalAllocatedBytes(precise: true) - allocated, _latencies);
        BatchMessages = (double)messages / Math.Max(1, batches);
        BatchOctets = (double)octets / Math.Max(1, batches);
        _stop = true;
        await Task.WhenAll(workers).ConfigureAwait(false);
        return result;
    }

    private static Envelope MakeEnvelope()
    {
        var builder = new EnvelopeBuilder();
        builder.Begin("sender@from.test"u8, BodyType.SevenBit, EnvelopeFlags.None);
        builder.TryAdd("user@to.test"u8);
        return builder.Build();
    }

    private async Task WorkAsync(MessageSpool spool)
    {
        DateTimeOffset arrived = TimeProvider.System.GetUtcNow();
        while (!_stop)
        {
            using SpoolTransaction transaction = spool.Begin();
            for (int at = 0; at < body.Length;)
            {
                int length = Math.Min(Piece, body.Length - at);
                body.AsSpan(at, length).CopyTo(transaction.GetSpan(length));
                transaction.Advance(length);
                at += length;
                await transaction.FlushAsync().ConfigureAwait(false);
            }

            long start = Stopwatch.GetTimestamp();
            CommitResult result = await transaction.CommitAsync(OneRecipient, arrived, IPAddress.Loopback).ConfigureAwait(false);
            _latencies.Add(Stopwatch.GetTimestamp() - start);
            Interlocked.Increment(ref _messages);
            spool.Remove(result.Message ?? throw new IOException($"the spool is {result.Failure}: {spool.Health.Reason}"));
        }
    }

    private void Observe(SpoolBatch batch)
    {
        if (batch.Messages > 0)
        {
            Interlocked.Increment(ref _batches);
        }

        Interlocked.Add(ref _octets, batch.Bytes);
    }
}

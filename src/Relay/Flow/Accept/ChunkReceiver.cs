using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Relay.Concurrency;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Accept;

/// <summary>
/// Reads the chunks of one message (RFC 3030 §2) from the client's pipe into the spool as they arrive; what a chunk declares costs nothing until it is there. Always reads exactly a
/// chunk's octets, also of one that is refused: whatever of them was left would be taken for commands. One per session, one message at a time; the session owns pipe, transaction and deadline.
/// </summary>
internal sealed class ChunkReceiver(TimeProvider time, LimitOptions limits)
{
    /// <summary>A chunk so much larger than a message may be is not even swallowed.</summary>
    private const int EndlessFactor = 10;

    /// <summary>A message may come in so many chunks whatever their size…</summary>
    private const int ManyChunks = 1000;

    /// <summary>…and in more when they have so many octets on the average: each costs a line, a reply and a wake-up.</summary>
    private const int SmallChunk = 512;

    private ChunkScanner _scan;
    private HeaderScan _header;
    private int _chunks;

    /// <summary>Octets that the message may have.</summary>
    public long MaximumSize { get; set; } = limits.MessageSize;

    /// <summary>Octets of the message so far.</summary>
    public long Length { get; private set; }

    /// <summary>How many Received fields the message came with (RFC 5321 §6.3).</summary>
    public int ReceivedFields => _header.ReceivedCount;

    public bool HasBareLineEnding => _scan.HasBareLineEnding;

    public EnvelopeFlags Flags =>
        (_scan.HasLeadingDot ? EnvelopeFlags.HasLeadingDot : EnvelopeFlags.None) |
        (_scan.HasEightBit ? EnvelopeFlags.EightBit : EnvelopeFlags.None) |
        (_scan.HasBareLineEnding ? EnvelopeFlags.Binary : EnvelopeFlags.None);

    /// <summary>A message begins.</summary>
    public void Begin()
    {
        _scan = default;
        _header = default;
        _chunks = 0;
        Length = 0;
    }

    /// <summary>Reads one chunk: into <paramref name="spool"/> by way of <paramref name="content"/>, which is the transaction or leads to it; or to nowhere when there is none. <see cref="ReceiveStatus.TooBig"/>: the message would be, and the chunk was swallowed.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ReceiveStatus> ReceiveAsync(PipeReader input, SpoolTransaction? spool, IBufferWriter<byte>? content, long size, Deadline deadline)
    {
        if (size / EndlessFactor > limits.MessageSize)
        {
            return ReceiveStatus.Endless;
        }

        bool tooBig = spool is not null && size > MaximumSize - Length;
        if (tooBig)
        {
            spool = null;
        }

        var pace = new DataPace(limits, time);
        for (long left = size; left > 0;)
        {
            pace.Wait(deadline);
            ReadResult read = await input.ReadAsync().ConfigureAwait(false);
            ReadOnlySequence<byte> taken = read.Buffer.Slice(0, Math.Min(left, read.Buffer.Length));
            left -= taken.Length;
            pace.Got(taken.Length);
            if (spool is not null)
            {
                Keep(taken, content!);
            }

            input.AdvanceTo(taken.End);
            if (left > 0 && read.IsCanceled && deadline.HasExpired)
            {
                return ReceiveStatus.TimedOut;
            }

            if (left > 0 && read.IsCompleted)
            {
                return ReceiveStatus.Disconnected;
            }

            if (spool is not null)
            {
                await spool.FlushAsync().ConfigureAwait(false);
            }
        }

        deadline.Clear();
        _chunks++;
        return tooBig ? ReceiveStatus.TooBig : _chunks > ManyChunks && Length / _chunks < SmallChunk ? ReceiveStatus.Crumbs : ReceiveStatus.Complete;
    }

    private void Keep(in ReadOnlySequence<byte> octets, IBufferWriter<byte> content)
    {
        foreach (ReadOnlyMemory<byte> part in octets)
        {
            _scan.Scan(part.Span);
            _header.Scan(part.Span);
            content.Write(part.Span);
        }

        Length += octets.Length;
    }
}

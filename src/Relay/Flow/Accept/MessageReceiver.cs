using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Relay.Concurrency;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Accept;

/// <summary>
/// Reads one message after 354 (RFC 5321 §4.1.1.4) from the client's pipe into the spool as it arrives, so that memory doesn't grow with the message.
/// It always reads to the true end of the data, also for a message it will refuse: what followed would otherwise be taken for commands.
/// One per session, one message at a time; the session owns pipe, transaction and deadline.
/// </summary>
internal sealed class MessageReceiver(TimeProvider time, LimitOptions limits)
{
    /// <summary>A message too big is read on to its end, but not for ever: at ten times the limit the client isn't listening.</summary>
    private const int EndlessFactor = 10;

    private DataDecoder _decoder;
    private HeaderScan _header;

    /// <summary>Octets that the message may have.</summary>
    public long MaximumSize { get; set; } = limits.MessageSize;

    /// <summary>How many Received fields the message came with (RFC 5321 §6.3).</summary>
    public int ReceivedFields => _header.ReceivedCount;

    public bool HasBareLineEnding => _decoder.HasBareLineEnding;

    public EnvelopeFlags Flags =>
        (_decoder.HasLeadingDot ? EnvelopeFlags.HasLeadingDot : EnvelopeFlags.None) |
        (_decoder.HasEightBit ? EnvelopeFlags.EightBit : EnvelopeFlags.None);

    /// <summary>Reads until the end of the data. The content goes to <paramref name="content"/>, which is the transaction or leads to it.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ReceiveStatus> ReceiveAsync(PipeReader input, SpoolTransaction spool, IBufferWriter<byte> content, Deadline deadline)
    {
        _decoder = default;
        _header = new HeaderScan(stuffed: true);
        long limit = MaximumSize;
        long endless = limit > long.MaxValue / EndlessFactor ? long.MaxValue : limit * EndlessFactor;
        long raw = 0;
        bool tooBig = false;
        var pace = new DataPace(limits, time);
        while (true)
        {
            pace.Wait(deadline);
            ReadResult read = await input.ReadAsync().ConfigureAwait(false);
            if (read.IsCanceled && deadline.HasExpired)
            {
                input.AdvanceTo(read.Buffer.Start);
                return ReceiveStatus.TimedOut;
            }

            DataStatus status = _decoder.Decode(read.Buffer, content, out SequencePosition consumed);
            ReadOnlySequence<byte> taken = read.Buffer.Slice(0, consumed);
            raw += taken.Length;
            pace.Got(taken.Length);
            if (!_header.Ended)
            {
                foreach (ReadOnlyMemory<byte> part in taken)
                {
                    _header.Scan(part.Span);
                }
            }

            input.AdvanceTo(consumed, status == DataStatus.Done ? consumed : read.Buffer.End);
            if (!tooBig && _decoder.Length > limit)
            {
                tooBig = true;
                _decoder.Discard = true;
                spool.Abort();
            }

            if (status == DataStatus.Done)
            {
                deadline.Clear();
                return tooBig ? ReceiveStatus.TooBig : ReceiveStatus.Complete;
            }

            if (read.IsCompleted)
            {
                return ReceiveStatus.Disconnected;
            }

            if (raw > endless)
            {
                return ReceiveStatus.Endless;
            }

            if (!tooBig)
            {
                await spool.FlushAsync().ConfigureAwait(false);
            }
        }
    }
}

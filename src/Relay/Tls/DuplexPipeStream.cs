using System.Buffers;
using System.IO.Pipelines;

namespace Relay.Tls;

/// <summary>
/// A duplex pipe seen as a stream, for <see cref="System.Net.Security.SslStream"/> to stand on. It owns nothing: whoever owns the pipe completes it.
/// A read or flush that was cancelled on the pipe (a deadline) comes out as OperationCanceledException.
/// </summary>
internal class DuplexPipeStream(PipeReader input, PipeWriter output) : Stream
{
    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ReadResult read = await input.ReadAsync(cancellationToken).ConfigureAwait(false);
        ReadOnlySequence<byte> available = read.Buffer;
        if (read.IsCanceled && available.IsEmpty)
        {
            input.AdvanceTo(available.Start);
            throw new OperationCanceledException("The read was cancelled on the pipe.");
        }

        ReadOnlySequence<byte> taken = available.Slice(0, Math.Min(available.Length, buffer.Length));
        // Before the pipe gets its segments back: a sequence that spans several of them has no length afterwards.
        int length = (int)taken.Length;
        taken.CopyTo(buffer.Span);
        input.AdvanceTo(taken.End);
        if (read.IsCanceled)
        {
            // The bytes come first; the next read is the one that is cancelled.
            input.CancelPendingRead();
        }

        return length;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        FlushResult flush = await output.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
        if (flush.IsCanceled)
        {
            throw new OperationCanceledException("The flush was cancelled on the pipe.");
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}

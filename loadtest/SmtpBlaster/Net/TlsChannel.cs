using System.Net.Security;
using System.Security.Authentication;
using System.Threading.Tasks.Sources;

namespace SmtpBlaster.Net;

/// <summary>
/// TLS on a <see cref="Connection"/>: an SslStream over octets that the loop brings and takes. Its reads complete inside <see cref="Feed"/>, on the loop's thread, and what it decrypts goes to the owner from there; should it
/// ever go on elsewhere, it comes back to the loop before it touches anything.
/// </summary>
internal sealed class TlsChannel : IDisposable
{
    private readonly Connection _owner;
    private readonly Cipher _cipher;
    private readonly SslStream _ssl;
    private readonly byte[] _plain = new byte[16 * 1024];
    private bool _disposed;

    public TlsChannel(Connection owner)
    {
        _owner = owner;
        _cipher = new Cipher(owner);
        _ssl = new SslStream(_cipher, leaveInnerStreamOpen: true);
    }

    public void Start(SslClientAuthenticationOptions options) => _ = RunAsync(_ssl.AuthenticateAsClientAsync(options));

    public void Start(SslServerAuthenticationOptions options) => _ = RunAsync(_ssl.AuthenticateAsServerAsync(options));

    /// <summary>Octets from the wire.</summary>
    public void Feed(ReadOnlySpan<byte> data) => _cipher.Feed(data);

    /// <summary>Encrypts and sends, short pieces in one record.</summary>
    public void Write(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, ReadOnlySpan<byte> tail)
    {
        if (body.IsEmpty && tail.IsEmpty)
        {
            _ssl.Write(head);
            return;
        }

        byte[] all = System.Buffers.ArrayPool<byte>.Shared.Rent(head.Length + body.Length + tail.Length);
        head.CopyTo(all);
        body.CopyTo(all.AsSpan(head.Length));
        tail.CopyTo(all.AsSpan(head.Length + body.Length));
        _ssl.Write(all, 0, head.Length + body.Length + tail.Length);
        System.Buffers.ArrayPool<byte>.Shared.Return(all);
    }

    public void Dispose()
    {
        _disposed = true;
        _cipher.End();
        _ssl.Dispose();
    }

    private async Task RunAsync(Task handshake)
    {
        try
        {
            await handshake.ConfigureAwait(false);
            await BackAsync().ConfigureAwait(false);
            if (_disposed)
            {
                return;
            }

            _owner.HandshakeDone();
            while (!_disposed)
            {
                int read = await _ssl.ReadAsync(_plain).ConfigureAwait(false);
                await BackAsync().ConfigureAwait(false);
                if (_disposed)
                {
                    return;
                }

                if (read == 0)
                {
                    _owner.Fail(CloseReason.EndOfStream, 0);
                    return;
                }

                _owner.TakeTls(_plain.AsSpan(0, read));
            }
        }
        catch (Exception e) when (e is AuthenticationException or IOException or ObjectDisposedException)
        {
            // A peer that can't do TLS is a value; a stream that we closed under a read is no news.
            await BackAsync().ConfigureAwait(false);
            if (!_disposed)
            {
                _owner.Fail(CloseReason.Tls, 0, e.InnerException?.Message ?? e.Message);
            }
        }
    }

    private ValueTask BackAsync()
    {
        if (_owner.Loop.IsCurrent)
        {
            return ValueTask.CompletedTask;
        }

        var back = new TaskCompletionSource();
        _owner.Loop.Post(back.SetResult);
        return new ValueTask(back.Task);
    }

    /// <summary>The wire's side of the SslStream: one read waits at a time; writes go to the owner's socket or its buffer at once.</summary>
    private sealed class Cipher(Connection owner) : Stream, IValueTaskSource<int>
    {
        private ManualResetValueTaskSourceCore<int> _source;
        private Memory<byte> _waiting;
        private bool _isWaiting;
        private bool _ended;
        private byte[] _kept = [];
        private int _start;
        private int _end;

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public void Feed(ReadOnlySpan<byte> data)
        {
            // What isn't read at once is kept behind what is: the completion below may read again, and again.
            if (_start == _end)
            {
                _start = _end = 0;
            }

            if (_kept.Length - _end < data.Length)
            {
                byte[] larger = new byte[Math.Max(32 * 1024, _end - _start + data.Length)];
                _kept.AsSpan(_start, _end - _start).CopyTo(larger);
                (_kept, _start, _end) = (larger, 0, _end - _start);
            }

            data.CopyTo(_kept.AsSpan(_end));
            _end += data.Length;
            Complete();
        }

        /// <summary>No more comes: a read that waits gets the end of the stream.</summary>
        public void End()
        {
            _ended = true;
            Complete();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            // SslStream asks with an empty buffer whether there is anything.
            if (_end > _start || _ended)
            {
                return new ValueTask<int>(Take(buffer.Span));
            }

            _source.Reset();
            _waiting = buffer;
            _isWaiting = true;
            return new ValueTask<int>(this, _source.Version);
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(ReadOnlySpan<byte> buffer) => owner.SendRaw(buffer, default, default);

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        {
            Write(buffer.AsSpan(offset, count));
            return Task.CompletedTask;
        }

        public override void Flush()
        {
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public int GetResult(short token) => _source.GetResult(token);

        public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _source.OnCompleted(continuation, state, token, flags);

        private void Complete()
        {
            if (_isWaiting)
            {
                _isWaiting = false;
                _source.SetResult(Take(_waiting.Span));
            }
        }

        private int Take(Span<byte> into)
        {
            int length = Math.Min(into.Length, _end - _start);
            _kept.AsSpan(_start, length).CopyTo(into);
            _start += length;
            return length;
        }
    }
}

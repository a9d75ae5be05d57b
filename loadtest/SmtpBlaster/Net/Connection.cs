using System.Net.Security;

namespace SmtpBlaster.Net;

/// <summary>
/// A non-blocking connection on a loop, in clear or inside TLS. A subclass is given what was received and says how much it used; what it leaves comes again in front of what comes next. What it sends goes out at once or,
/// when the kernel has no room, as soon as it has; nothing is read meanwhile, so a peer that doesn't read can't make us keep more. Lives on its loop's thread.
/// </summary>
#pragma warning disable CA1001 // Close ends TLS with the socket.
internal abstract class Connection(EventLoop loop) : LoopMember
#pragma warning restore CA1001
{
    private int _socket = -1;
    private uint _interest;
    private bool _paused;
    private byte[] _rest = [];
    private int _restLength;
    private byte[] _unsent = [];
    private int _unsentStart;
    private int _unsentEnd;

    // A message's body waits where it lies, with what follows it.
    private ReadOnlyMemory<byte> _unsentBody;
    private byte[] _unsentTail = [];
    private int _unsentTailLength;
    private TlsChannel? _tls;
    private int _readLimit = EventLoop.BufferSize;
    private long _readPause;

    public EventLoop Loop { get; } = loop;

    public bool IsOpen => _socket >= 0;

    public bool IsTls => _tls is not null;

    /// <summary>When <see cref="OnClosed"/> comes with <see cref="CloseReason.TimedOut"/>, to a quarter of a second.</summary>
    public long Deadline { get; set; } = long.MaxValue;

    private bool HasUnsent => _unsentEnd > _unsentStart || !_unsentBody.IsEmpty || _unsentTailLength > 0;

    /// <summary>Takes over a socket. False: the kernel won't watch it, and it is closed.</summary>
    public bool Open(int socket)
    {
        _socket = socket;
        _interest = Linux.Readable;
        _restLength = 0;
        _unsentStart = _unsentEnd = _unsentTailLength = 0;
        _unsentBody = default;
        _paused = false;
        if (Loop.Add(this, socket, _interest) >= 0)
        {
            return true;
        }

        Close();
        return false;
    }

    /// <summary>Ends the connection. Nothing comes from it any more.</summary>
    public void Close(bool reset = false)
    {
        if (_socket >= 0)
        {
            if (reset)
            {
                _ = Linux.SetReset(_socket);
            }

            _ = Linux.Close(_socket);
            _socket = -1;
            Loop.Forget(this);
            _tls?.Dispose();
            _tls = null;
            _unsentBody = default;
        }
    }

    /// <summary>Begins a handshake as the client. What is left of the received octets is forgotten: nothing that was said in clear may be taken for what is said inside.</summary>
    public void StartTls(SslClientAuthenticationOptions options)
    {
        _restLength = 0;
        _tls = new TlsChannel(this);
        _tls.Start(options);
    }

    public void StartTls(SslServerAuthenticationOptions options)
    {
        _restLength = 0;
        _tls = new TlsChannel(this);
        _tls.Start(options);
    }

    public void Send(ReadOnlySpan<byte> data) => Send(data, default, default);

    /// <summary>Sends a message: the body is not copied and must stay as it is until all is sent.</summary>
    public void Send(ReadOnlySpan<byte> head, ReadOnlyMemory<byte> body, ReadOnlySpan<byte> tail)
    {
        if (_tls is not null)
        {
            _tls.Write(head, body.Span, tail);
        }
        else
        {
            SendRaw(head, body, tail);
        }
    }

    /// <summary>No more is given to <see cref="OnData"/> until <see cref="Resume"/>.</summary>
    public void Pause()
    {
        _paused = true;
        Watch();
    }

    public void Resume()
    {
        if (!IsOpen || !_paused)
        {
            return;
        }

        _paused = false;
        Watch();
        if (_restLength > 0)
        {
            byte[] buffer = Loop.Buffer;
            int length = _restLength;
            _rest.AsSpan(0, length).CopyTo(buffer);
            _restLength = 0;
            Process(buffer.AsSpan(0, length));
        }
    }

    /// <summary>From now on reads at most so many octets a second.</summary>
    public void ReadSlowly(long octetsPerSecond)
    {
        // Ten times a second, or less often when that would be less than an octet.
        _readLimit = (int)Math.Clamp(octetsPerSecond / 10, 1, EventLoop.BufferSize);
        _readPause = Clock.Second * _readLimit / Math.Max(1, octetsPerSecond);
    }

    public sealed override void OnEvents(uint events)
    {
        if ((events & Linux.Writable) != 0 && HasUnsent)
        {
            Flush();
        }

        if (IsOpen && (events & ~Linux.Writable) != 0)
        {
            Receive();
        }
    }

    public override void OnSweep(long now)
    {
        if (now >= Deadline)
        {
            Deadline = long.MaxValue;
            Fail(CloseReason.TimedOut, 0);
        }
    }

    internal void SendRaw(ReadOnlySpan<byte> head, ReadOnlyMemory<byte> body, ReadOnlySpan<byte> tail)
    {
        if (!IsOpen)
        {
            return;
        }

        if (HasUnsent)
        {
            Keep(head, body, tail);
            return;
        }

        nint sent = body.IsEmpty && tail.IsEmpty ? Linux.Send(_socket, head) : Linux.Send(_socket, head, body.Span, tail);
        if (sent < 0)
        {
            int error = Linux.Error;
            if (error is not (Linux.WouldBlock or Linux.InterruptedCall))
            {
                // The reading side finds the same out, in order, and tells the owner there: never from inside its own call.
                return;
            }

            sent = 0;
        }

        if (sent == head.Length + body.Length + tail.Length)
        {
            return;
        }

        int fromHead = (int)Math.Min(sent, head.Length);
        int fromBody = (int)Math.Min(sent - fromHead, body.Length);
        Keep(head[fromHead..], body[fromBody..], tail[((int)sent - fromHead - fromBody)..]);
        Watch();
    }

    internal void TakeTls(ReadOnlySpan<byte> data)
    {
        byte[] buffer = Loop.Buffer;
        if (data.Length > buffer.Length - _restLength)
        {
            Fail(CloseReason.Error, Linux.ConnectionAborted);
            return;
        }

        _rest.AsSpan(0, _restLength).CopyTo(buffer);
        data.CopyTo(buffer.AsSpan(_restLength));
        int length = _restLength + data.Length;
        _restLength = 0;
        Process(buffer.AsSpan(0, length));
    }

    /// <summary>Ends the connection for a reason and tells the owner.</summary>
    internal void Fail(CloseReason reason, int error, string? detail = null)
    {
        if (IsOpen)
        {
            Close();
            OnClosed(reason, error, detail);
        }
    }

    internal void HandshakeDone() => OnTls();

    /// <summary>Gets all that was received and not used yet; gives how much of it is used now. It may close, pause or send.</summary>
    protected abstract int OnData(Span<byte> data);

    /// <summary>The connection has ended for a reason that isn't ours; it is closed already.</summary>
    protected abstract void OnClosed(CloseReason reason, int error, string? detail);

    /// <summary>The handshake is done.</summary>
    protected virtual void OnTls()
    {
    }

    private void Process(Span<byte> data)
    {
        int used = _paused ? 0 : OnData(data);
        if (!IsOpen || used == data.Length)
        {
            return;
        }

        Span<byte> rest = data[used..];
        if (_rest.Length < rest.Length)
        {
            _rest = new byte[Math.Max(256, rest.Length)];
        }

        rest.CopyTo(_rest);
        _restLength = rest.Length;
    }

    private void Receive()
    {
        byte[] buffer = Loop.Buffer;
        int rest = _tls is null ? _restLength : 0;
        int room = Math.Min(buffer.Length - rest, _readLimit);
        if (room == 0)
        {
            // The owner uses nothing of a full buffer: what it waits for is too long.
            Fail(CloseReason.Error, Linux.ConnectionAborted);
            return;
        }

        if (rest > 0)
        {
            _rest.AsSpan(0, rest).CopyTo(buffer);
        }

        nint received = Linux.Receive(_socket, buffer.AsSpan(rest, room));
        if (received <= 0)
        {
            int error = received == 0 ? 0 : Linux.Error;
            if (error is not (Linux.WouldBlock or Linux.InterruptedCall))
            {
                Fail(received == 0 ? CloseReason.EndOfStream : CloseReason.Error, error);
            }

            return;
        }

        if (_readPause > 0)
        {
            SlowDown();
        }

        if (_tls is not null)
        {
            _tls.Feed(buffer.AsSpan(0, (int)received));
            return;
        }

        _restLength = 0;
        Process(buffer.AsSpan(0, rest + (int)received));
    }

    private void SlowDown()
    {
        // Only the descriptor rests; what is here is worked on.
        int socket = _socket;
        _interest &= ~Linux.Readable;
        Loop.Modify(this, socket, _interest);
        Loop.At(Clock.Now + _readPause, _ =>
        {
            if (_socket == socket)
            {
                Watch();
            }
        });
    }

    private void Keep(ReadOnlySpan<byte> head, ReadOnlyMemory<byte> body, ReadOnlySpan<byte> tail)
    {
        // A second message waits as a copy: only what is said inside TLS, and replies, come on top of each other.
        bool behind = !_unsentBody.IsEmpty || _unsentTailLength > 0;
        if (behind)
        {
            AppendUnsent(_unsentBody.Span);
            AppendUnsent(_unsentTail.AsSpan(0, _unsentTailLength));
            _unsentBody = default;
            _unsentTailLength = 0;
        }

        AppendUnsent(head);
        _unsentBody = body;
        if (_unsentTail.Length < tail.Length)
        {
            _unsentTail = new byte[Math.Max(128, tail.Length)];
        }

        tail.CopyTo(_unsentTail);
        _unsentTailLength = tail.Length;
    }

    private void AppendUnsent(ReadOnlySpan<byte> data)
    {
        if (_unsent.Length - _unsentEnd < data.Length)
        {
            int waiting = _unsentEnd - _unsentStart;
            byte[] larger = _unsent.Length >= waiting + data.Length ? _unsent : new byte[Math.Max(1024, (waiting + data.Length) * 2)];
            _unsent.AsSpan(_unsentStart, waiting).CopyTo(larger);
            _unsent = larger;
            (_unsentStart, _unsentEnd) = (0, waiting);
        }

        data.CopyTo(_unsent.AsSpan(_unsentEnd));
        _unsentEnd += data.Length;
    }

    private void Flush()
    {
        ReadOnlySpan<byte> head = _unsent.AsSpan(_unsentStart, _unsentEnd - _unsentStart);
        nint sent = Linux.Send(_socket, head, _unsentBody.Span, _unsentTail.AsSpan(0, _unsentTailLength));
        if (sent < 0)
        {
            if (Linux.Error is not (Linux.WouldBlock or Linux.InterruptedCall))
            {
                Fail(CloseReason.Error, Linux.Error);
            }

            return;
        }

        int fromHead = (int)Math.Min(sent, head.Length);
        int fromBody = (int)Math.Min(sent - fromHead, _unsentBody.Length);
        int fromTail = (int)sent - fromHead - fromBody;
        _unsentStart += fromHead;
        _unsentBody = _unsentBody[fromBody..];
        _unsentTail.AsSpan(fromTail, _unsentTailLength - fromTail).CopyTo(_unsentTail);
        _unsentTailLength -= fromTail;
        if (!HasUnsent)
        {
            _unsentStart = _unsentEnd = 0;
            Watch();
        }
    }

    private void Watch()
    {
        uint wanted = HasUnsent ? Linux.Writable | (ReadsWhileSending ? Linux.Readable : 0) : _paused ? 0 : Linux.Readable;
        if (IsOpen && wanted != _interest)
        {
            _interest = wanted;
            Loop.Modify(this, _socket, wanted);
        }
    }

    /// <summary>A client that sends a long message listens meanwhile: the server may refuse it before its end. A server that can't get its replies out doesn't take more commands.</summary>
    protected virtual bool ReadsWhileSending => false;
}

using System.Buffers;

namespace Relay.Spool;

/// <summary>
/// Reads the body of an accepted message: from memory when it is there, otherwise from the log or its own file. One thread at a time; what it gives is valid
/// until it is disposed.
/// A body whose end was reached without an exception is exactly what was accepted: a short one is checked before its first octet is given, a long one (read from start
/// to end) before its last.
/// </summary>
internal sealed class SpoolBody : IDisposable
{
    private readonly SpoolDirectory _spool;
    private readonly SpooledMessage _message;
    private readonly bool _borrowed;
    private byte[]? _memory;

    /// <summary>What of an own file comes first although it lies at its end; null until it is wanted, or when there is none.</summary>
    private byte[]? _front;
    private int _file = -1;
    private uint _crc;

    /// <summary>Octets of an own file whose CRC is in <see cref="_crc"/>; four bytes are enough for the largest message there may be.</summary>
    private uint _checked;
    private bool _disposed;

    internal SpoolBody(SpoolDirectory spool, SpooledMessage message)
    {
        _spool = spool;
        _message = message;
        _borrowed = message.TryBorrow(out byte[] cached);
        _memory = _borrowed ? cached : null;
    }

    public long Length => _message.Size;

    /// <summary>The whole body when it is in memory.</summary>
    public bool TryGetMemory(out ReadOnlySequence<byte> body)
    {
        body = _memory is null ? default : new ReadOnlySequence<byte>(_memory, 0, (int)Length);
        return _memory is not null;
    }

    /// <summary>
    /// Fills the span from an offset as far as the body goes; returns how much, 0 at the end. Reads the disk on the caller's thread.
    /// Throws <see cref="SpoolReadException"/>.
    /// </summary>
    public int Read(long offset, Span<byte> into)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        int count = (int)Math.Min(into.Length, Math.Max(0, Length - offset));
        if (count == 0)
        {
            return 0;
        }

        if (_message.OwnFile)
        {
            ReadOwnFile(offset, into[..count]);
        }
        else
        {
            _memory ??= Load();
            _memory.AsSpan((int)offset, count).CopyTo(into);
        }

        return count;
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (_borrowed)
        {
            _spool.Memory.ReleaseCache(_message.Return());
        }
        else if (_memory is not null)
        {
            _spool.Memory.Buffers.Return(_memory);
        }

        _memory = null;
        if (_file >= 0)
        {
            _spool.Files.Storage.Close(_file);
        }
    }

    private byte[] Load()
    {
        // Held, because the segment may be given up meanwhile: the message copied elsewhere, or gone.
        if (_spool.Queue.Hold(_message, out long offset) is not { } segment)
        {
            throw new SpoolReadException($"the body of {_message.Id} can't be read: it is gone");
        }

        byte[] buffer = _spool.Memory.Buffers.Rent((int)Length);
        Span<byte> body = buffer.AsSpan(0, (int)Length);
        int error = _spool.Files.ReadAll(segment.File, body, offset, out int read);
        _spool.Segments.Release(segment);
        if (error != 0 || read != body.Length || Crc32C.Append(0, body) != _message.BodyCrc)
        {
            _spool.Memory.Buffers.Return(buffer);
            throw Unreadable(error);
        }

        return buffer;
    }

    private void ReadOwnFile(long offset, Span<byte> into)
    {
        int front = _message.FrontLength;
        if (front > 0 && _front is null)
        {
            _front = new byte[front];
            ReadFile(Length - front, _front);
        }

        if (offset < front)
        {
            int count = Math.Min(front - (int)offset, into.Length);
            _front.AsSpan((int)offset, count).CopyTo(into);
            into = into[count..];
            offset += count;
        }

        if (into.IsEmpty)
        {
            return;
        }

        ReadFile(offset - front, into);
        if (offset - front == _checked)
        {
            _crc = Crc32C.Append(_crc, into);
            _checked += (uint)into.Length;
        }

        if (_checked == Length - front && Crc32C.Append(_crc, _front) != _message.BodyCrc)
        {
            throw Unreadable(0);
        }
    }

    private void ReadFile(long offset, Span<byte> into)
    {
        int error = 0;
        if (_file < 0)
        {
            error = _spool.Files.Storage.Open(_spool.Files.BodyPath(_message.Id), OpenMode.Existing, out _file);
        }

        int read = 0;
        if (error == 0)
        {
            error = _spool.Files.ReadAll(_file, into, offset, out read);
        }

        if (error != 0 || read != into.Length)
        {
            throw Unreadable(error);
        }
    }

    private SpoolReadException Unreadable(int error) =>
        new($"the body of {_message.Id} can't be read: {(error == 0 ? "it is damaged" : Errno.Text(error))}");
}

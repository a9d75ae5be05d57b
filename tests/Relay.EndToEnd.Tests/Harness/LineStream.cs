using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// Lines and counted bytes over a stream. A line ends with CRLF and with nothing else: a bare LF or CR is content, so that what a relay garbles shows. Used by one thread at
/// a time.
/// </summary>
internal sealed class LineStream(Stream stream)
{
    private byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;

    /// <summary>What was received and not read yet.</summary>
    public ReadOnlyMemory<byte> Rest => _buffer.AsMemory(_start, _end - _start);

    /// <summary>Has octets read as if they had come next on the stream.</summary>
    public void Unread(ReadOnlySpan<byte> octets)
    {
        octets.CopyTo(_buffer.AsSpan(_end));
        _end += octets.Length;
    }

    /// <summary>The next line without its CRLF, valid until the next call; null at the end of the stream.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadLineAsync(CancellationToken cancel)
    {
        int searched = 0;
        while (true)
        {
            int length = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf("\r\n"u8);
            if (length >= 0)
            {
                length += searched;
                ReadOnlyMemory<byte> line = _buffer.AsMemory(_start, length);
                _start += length + 2;
                return line;
            }

            searched = Math.Max(0, _end - _start - 1);
            if (!await FillAsync(cancel))
            {
                return null;
            }
        }
    }

    public async ValueTask<byte[]> ReadExactlyAsync(int count, CancellationToken cancel)
    {
        while (_end - _start < count)
        {
            if (!await FillAsync(cancel))
            {
                throw new IOException("closed inside a chunk");
            }
        }

        byte[] bytes = _buffer.AsSpan(_start, count).ToArray();
        _start += count;
        return bytes;
    }

    public ValueTask WriteAsync(string text, CancellationToken cancel) => stream.WriteAsync(Encoding.Latin1.GetBytes(text), cancel);

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel) => stream.WriteAsync(bytes, cancel);

    private async ValueTask<bool> FillAsync(CancellationToken cancel)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        int read = await stream.ReadAsync(_buffer.AsMemory(_end), cancel);
        _end += read;
        return read > 0;
    }
}

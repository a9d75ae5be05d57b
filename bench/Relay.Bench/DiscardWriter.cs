using System.Buffers;

namespace Relay.Bench;

/// <summary>A writer whose every octet is written, into the same 64 KiB again and again, and then forgotten: what it costs is the copy.</summary>
internal sealed class DiscardWriter : IBufferWriter<byte>
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _used;

    public void Advance(int count)
    {
        _used += count;
        if (_used == _buffer.Length)
        {
            _used = 0;
        }
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_buffer.Length - _used < Math.Max(sizeHint, 1))
        {
            _used = 0;
        }

        return _buffer.AsMemory(_used);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}

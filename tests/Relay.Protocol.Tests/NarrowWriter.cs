using System.Buffers;

namespace Relay.Protocol.Tests;

/// <summary>A writer that gives no more room than it was asked for, or <paramref name="size"/>: what a full pipe segment looks like.</summary>
internal sealed class NarrowWriter(int size) : IBufferWriter<byte>
{
    private readonly ArrayBufferWriter<byte> _inner = new();

    public ReadOnlySpan<byte> Written => _inner.WrittenSpan;

    public void Advance(int count) => _inner.Advance(count);

    public Memory<byte> GetMemory(int sizeHint = 0) => _inner.GetMemory(Math.Max(sizeHint, size))[..Math.Max(sizeHint, size)];

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}

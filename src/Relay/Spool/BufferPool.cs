using System.Numerics;

namespace Relay.Spool;

/// <summary>Body buffers of 4 KiB to 256 KiB, two sizes for each power of two (4, 6, 8, 12, ...), so that a small message holds little. What is free is kept up to a limit. Any thread.</summary>
internal sealed class BufferPool(long retain)
{
    internal const int Smallest = 4 * 1024;
    internal const int Largest = 256 * 1024;

    private readonly Lock _gate = new();
    private readonly Stack<byte[]>[] _free = [.. Enumerable.Range(0, Index(Largest) + 1).Select(static _ => new Stack<byte[]>())];
    private long _retained;

    /// <summary>At least <paramref name="length"/> octets, of any content.</summary>
    internal byte[] Rent(int length)
    {
        int size = Math.Max(Smallest, (int)BitOperations.RoundUpToPowerOf2((uint)length));
        size = size > Smallest && length <= size / 4 * 3 ? size / 4 * 3 : size;
        if (size <= Largest)
        {
            lock (_gate)
            {
                if (_free[Index(size)].TryPop(out byte[]? buffer))
                {
                    _retained -= size;
                    return buffer;
                }
            }
        }

        return GC.AllocateUninitializedArray<byte>(size);
    }

    internal void Return(byte[] buffer)
    {
        if (buffer.Length is < Smallest or > Largest)
        {
            return;
        }

        lock (_gate)
        {
            if (_retained + buffer.Length <= retain)
            {
                _free[Index(buffer.Length)].Push(buffer);
                _retained += buffer.Length;
            }
        }
    }

    private static int Index(int size) => (2 * BitOperations.Log2((uint)size / Smallest)) + (BitOperations.IsPow2(size) ? 0 : 1);
}

using System.Numerics;

namespace Relay.Spool;

/// <summary>Body buffers of 4 KiB to 256 KiB, in powers of two, so that a small message holds little. What is free is kept up to a limit. Any thread.</summary>
internal sealed class BufferPool(long retain)
{
    internal const int Smallest = 4 * 1024;
    internal const int Largest = 256 * 1024;

    private readonly Lock _gate = new();
    private readonly Stack<byte[]>[] _free = [new(), new(), new(), new(), new(), new(), new()];
    private long _retained;

    /// <summary>At least <paramref name="length"/> octets, of any content.</summary>
    internal byte[] Rent(int length)
    {
        int size = Math.Max(Smallest, (int)BitOperations.RoundUpToPowerOf2((uint)length));
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

    private static int Index(int size) => BitOperations.Log2((uint)size / Smallest);
}

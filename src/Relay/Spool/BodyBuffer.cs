namespace Relay.Spool;

/// <summary>
/// The part of a body that is in memory, in one piece, growing by half and more. Counted against the budget of all transactions; over it the buffer still
/// grows, because the octets
/// have to go somewhere, but the transaction is to write it out at its next chance. Belongs to a transaction.
/// </summary>
internal sealed class BodyBuffer(SpoolDirectory spool)
{
    /// <summary>Once a body streams, it does so in pieces of this.</summary>
    internal const int Piece = 256 * 1024;

    private byte[] _bytes = [];
    private int _used;

    internal int Length => _used;

    internal int Capacity => _bytes.Length;

    /// <summary>The budget was used up when this buffer grew.</summary>
    internal bool OverBudget { get; private set; }

    internal ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _used);

    internal Memory<byte> Free => _bytes.AsMemory(_used);

    internal void Advance(int count) => _used += count;

    /// <summary>Puts octets in front of what is there.</summary>
    internal void Prepend(ReadOnlySpan<byte> octets)
    {
        if (Free.Length < octets.Length)
        {
            Grow(octets.Length, streaming: false);
        }

        Written.CopyTo(_bytes.AsSpan(octets.Length));
        octets.CopyTo(_bytes);
        _used += octets.Length;
    }

    /// <summary>Forgets the content, keeps the memory.</summary>
    internal void Reset() => _used = 0;

    internal void Grow(int need, bool streaming)
    {
        byte[] bigger = spool.Memory.Buffers.Rent(Math.Max(_used + need, streaming && !OverBudget ? Piece : Math.Min(_used / 2 * 3, Piece)));
        OverBudget |= !spool.Memory.Receiving.Take(bigger.Length);
        Written.CopyTo(bigger);
        GiveBack();
        _bytes = bigger;
    }

    /// <summary>Between pieces a body that streams holds no more than it needs for that; over budget nothing.</summary>
    internal void Shrink()
    {
        if (_bytes.Length > Piece || (OverBudget && _bytes.Length > BufferPool.Smallest))
        {
            GiveBack();
            _bytes = [];
            _used = 0;
        }
    }

    /// <summary>The content of another one, and its memory, take the place of this one's.</summary>
    internal void Take(BodyBuffer other)
    {
        Release();
        (_bytes, _used, OverBudget) = (other._bytes, other._used, other.OverBudget);
        (other._bytes, other._used, other.OverBudget) = ([], 0, false);
    }

    /// <summary>Lets the memory go to somebody who counts it elsewhere.</summary>
    internal byte[] Detach()
    {
        byte[] bytes = _bytes;
        spool.Memory.Receiving.Give(bytes.Length);
        _bytes = [];
        _used = 0;
        return bytes;
    }

    internal void Release()
    {
        GiveBack();
        _bytes = [];
        _used = 0;
        OverBudget = false;
    }

    private void GiveBack()
    {
        if (_bytes.Length > 0)
        {
            spool.Memory.Receiving.Give(_bytes.Length);
            spool.Memory.Buffers.Return(_bytes);
        }
    }
}

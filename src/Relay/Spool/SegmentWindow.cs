using System.Buffers.Binary;

namespace Relay.Spool;

/// <summary>
/// Reads a segment piece by piece. What can't be read is taken as zeros, and remembered. One thread; what <see cref="Bytes"/> gives is valid until the next call.
/// </summary>
internal sealed class SegmentWindow(SpoolFiles files, Segment segment)
{
    private const int Piece = 256 * 1024;

    private byte[] _window = new byte[Piece];
    private long _at;
    private int _length;

    internal (long Offset, int Error)? Unreadable { get; private set; }

    /// <summary>A part of the segment, which has to lie inside it.</summary>
    internal ReadOnlySpan<byte> Bytes(long at, int length)
    {
        if (at < _at || at + length > _at + _length)
        {
            Fill(at, length);
        }

        return _window.AsSpan((int)(at - _at), length);
    }

    /// <summary>The header of the record at a place. False when there is none, or header and fields are not whole; the body is not looked at.</summary>
    internal bool TryRecord(long at, out RecordHeader header)
    {
        header = default;
        return at + RecordHeader.Length <= segment.Size
            && RecordHeader.TryRead(Bytes(at, RecordHeader.Length), segment.Generation, out header)
            && at + RecordHeader.Length + (long)header.FieldLength + header.BodyLength <= segment.Size
            && Crc(at + sizeof(uint), RecordHeader.Length - sizeof(uint) + (long)header.FieldLength) == header.Crc;
    }

    /// <summary>What was read before is read again.</summary>
    internal void Forget() => _length = 0;

    internal uint Crc(long at, long length)
    {
        uint crc = 0;
        while (length > 0)
        {
            int n = (int)Math.Min(length, Piece);
            crc = Crc32C.Append(crc, Bytes(at, n));
            at += n;
            length -= n;
        }

        return crc;
    }

    /// <summary>The next place, a multiple of 8, where eight bytes are these; -1 when there is none.</summary>
    internal long Find(ulong value, long at)
    {
        Span<byte> pattern = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(pattern, value);
        while (at + sizeof(ulong) <= segment.Size)
        {
            int length = (int)Math.Min(Piece, segment.Size - at);
            int found = Bytes(at, length).IndexOf(pattern);
            if (found >= 0 && found % 8 == 0)
            {
                return at + found;
            }

            at += found >= 0 ? (found + 8) & ~7 : Math.Max(8, (length - 7) & ~7);
        }

        return -1;
    }

    internal bool IsZero(long at, int length) => !Bytes(at, length).ContainsAnyExcept((byte)0);

    private void Fill(long at, int length)
    {
        if (length > _window.Length)
        {
            _window = new byte[length];
        }

        _at = at;
        _length = (int)Math.Min(_window.Length, segment.Size - at);
        Span<byte> into = _window.AsSpan(0, _length);
        int error = files.ReadAll(segment.File, into, at, out int read);
        into[read..].Clear();
        if (error != 0)
        {
            Unreadable ??= (at + read, error);
        }
    }
}

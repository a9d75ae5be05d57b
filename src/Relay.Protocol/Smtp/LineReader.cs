using System.Buffers;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Takes command lines off the front of a buffer. Only CRLF ends a line (RFC 5321 §2.3.8): a lone CR or LF is never taken for one, nor for text,
/// because the next host might read it the other way. Consumes nothing unless it gives a line. Stateless; any thread.
/// </summary>
public static class LineReader
{
    private const byte Cr = (byte)'\r';
    private const byte Lf = (byte)'\n';

    /// <summary>
    /// Reads one line of at most <paramref name="scratch"/>.Length octets, its CRLF included. <paramref name="line"/> is without CRLF and lies in the buffer itself,
    /// or in <paramref name="scratch"/> when segments had to be joined: valid until the buffer is released or the next call.
    /// After <see cref="LineStatus.TooLong"/> it is the caller's to skip to the next LF.
    /// </summary>
    public static LineStatus TryRead(ref ReadOnlySequence<byte> buffer, byte[] scratch, out ReadOnlySpan<byte> line)
    {
        ReadOnlySpan<byte> first = buffer.FirstSpan;
        LineStatus status = Find(first, scratch.Length, out int length);
        if (status == LineStatus.NeedMoreData && !buffer.IsSingleSegment)
        {
            int joined = (int)Math.Min(buffer.Length, scratch.Length);
            buffer.Slice(0, joined).CopyTo(scratch);
            first = scratch.AsSpan(0, joined);
            status = Find(first, scratch.Length, out length);
        }

        line = default;
        if (status == LineStatus.Line)
        {
            line = first[..length];
            buffer = buffer.Slice(length + 2);
        }

        return status;
    }

    private static LineStatus Find(ReadOnlySpan<byte> data, int limit, out int length)
    {
        if (data.Length > limit)
        {
            data = data[..limit];
        }

        length = data.IndexOfAny(Cr, Lf);
        if (length < 0 || (data[length] == Cr && length + 1 == data.Length))
        {
            return data.Length == limit ? LineStatus.TooLong : LineStatus.NeedMoreData;
        }

        return data[length] == Cr && data[length + 1] == Lf ? LineStatus.Line : LineStatus.BareLineEnding;
    }
}

using Relay.Spool;

namespace SmtpBlaster.Messages;

/// <summary>
/// Reads a message as it arrives, in pieces of any size and without keeping it: where DATA ends, what <see cref="Marker"/> its header has, and the size and checksum of its body without dot-stuffing. One message at a time; what
/// it doesn't use of a piece (four octets at most) it wants again in front of the next.
/// </summary>
internal struct ContentReader
{
    /// <summary>A header section beyond this is read without a marker.</summary>
    private const int MaximumHeader = 64 * 1024;

    private byte[] _header;
    private int _headerLength;
    private bool _inHeader;
    private bool _lineStart;

    public Marker Marker { get; private set; }

    public bool HasMarker { get; private set; }

    public long BodySize { get; private set; }

    public uint BodyCrc { get; private set; }

    /// <summary>Octets of the message in all.</summary>
    public long Length { get; private set; }

    public readonly bool IsUnaltered => BodySize == Marker.BodySize && BodyCrc == Marker.BodyCrc;

    public void Begin()
    {
        _header ??= new byte[1024];
        _headerLength = 0;
        _inHeader = _lineStart = true;
        HasMarker = false;
        BodySize = Length = 0;
        BodyCrc = 0;
    }

    /// <summary>Takes what follows DATA; ended when the final dot has been seen. Gives how much it used.</summary>
    public int TakeData(ReadOnlySpan<byte> data, out bool ended)
    {
        ended = false;
        int at = 0;
        while (at < data.Length)
        {
            if (_lineStart && data[at] == '.')
            {
                ReadOnlySpan<byte> line = data[at..];
                if (line.StartsWith(".\r\n"u8))
                {
                    ended = true;
                    return at + 3;
                }

                if (line.Length < 3 && ".\r\n"u8.StartsWith(line))
                {
                    return at;
                }

                // RFC 5321 §4.5.2: the first of a line's dots isn't the message's.
                at++;
            }

            _lineStart = false;
            ReadOnlySpan<byte> rest = data[at..];
            int dot = rest.IndexOf("\r\n."u8);
            if (dot >= 0)
            {
                Take(rest[..(dot + 2)]);
                at += dot + 2;
                _lineStart = true;
                continue;
            }

            // A line end may be cut in two here.
            int keep = !rest.IsEmpty && rest[^1] == '\r' ? 1 : 0;
            _lineStart = rest.EndsWith("\r\n"u8);
            Take(rest[..^keep]);
            return data.Length - keep;
        }

        return at;
    }

    /// <summary>Takes a part of a chunk.</summary>
    public void TakeChunk(ReadOnlySpan<byte> data) => Take(data);

    private void Take(ReadOnlySpan<byte> data)
    {
        Length += data.Length;
        if (_inHeader)
        {
            data = TakeHeader(data);
        }

        BodySize += data.Length;
        BodyCrc = Crc32C.Append(BodyCrc, data);
    }

    /// <summary>Gives what of it belongs to the body.</summary>
    private ReadOnlySpan<byte> TakeHeader(ReadOnlySpan<byte> data)
    {
        int end = _headerLength == 0 ? data.IndexOf("\r\n\r\n"u8) : -1;
        if (end >= 0)
        {
            EndHeader(data[..(end + 2)]);
            return data[(end + 4)..];
        }

        int before = _headerLength;
        int length = Math.Min(data.Length, MaximumHeader - before);
        if (_header.Length < before + length)
        {
            Array.Resize(ref _header, Math.Min(MaximumHeader, (before + length) * 2));
        }

        data[..length].CopyTo(_header.AsSpan(before));
        _headerLength += length;
        int from = Math.Max(0, before - 3);
        end = _header.AsSpan(from, _headerLength - from).IndexOf("\r\n\r\n"u8);
        if (end >= 0)
        {
            EndHeader(_header.AsSpan(0, from + end + 2));
            return data[(from + end + 4 - before)..];
        }

        if (_headerLength == MaximumHeader)
        {
            _inHeader = false;
        }

        return default;
    }

    private void EndHeader(ReadOnlySpan<byte> header)
    {
        _inHeader = false;
        HasMarker = Marker.TryFind(header, out Marker marker);
        Marker = marker;
    }
}

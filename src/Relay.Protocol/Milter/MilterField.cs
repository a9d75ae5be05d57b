namespace Relay.Protocol.Milter;

/// <summary>Makes a header field of what a milter says. Stateless; any thread.</summary>
public static class MilterField
{
    /// <summary>
    /// The field with its CRLF: lines of the value, which end with LF, CRLF or CR, become folded lines (RFC 5322 §2.2.3), each of which begins with white space and has something else in it; so nothing in it can be another field, or the end of the
    /// header. Without <paramref name="leadingSpace"/> a space is put behind the colon.
    /// </summary>
    public static byte[] Make(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool leadingSpace)
    {
        // Each line grows by three octets at most, and has one for its ending.
        byte[] field = new byte[name.Length + 4 + value.Length + (3 * (value.Count((byte)'\n') + value.Count((byte)'\r')))];
        int length = 0;
        Put(name);
        Put(leadingSpace ? ":"u8 : ": "u8);
        for (bool first = true; ; first = false)
        {
            int end = value.IndexOfAny((byte)'\r', (byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? value : value[..end];
            if (first || !line.Trim(" \t"u8).IsEmpty)
            {
                Put(first ? [] : line[0] is (byte)' ' or (byte)'\t' ? "\r\n"u8 : "\r\n\t"u8);
                Put(line);
            }

            if (end < 0)
            {
                break;
            }

            value = value[(end + 1)..];
        }

        Put("\r\n"u8);
        return field[..length];

        void Put(ReadOnlySpan<byte> octets)
        {
            octets.CopyTo(field.AsSpan(length));
            length += octets.Length;
        }
    }
}

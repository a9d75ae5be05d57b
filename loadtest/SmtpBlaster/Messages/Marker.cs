using System.Buffers.Text;

namespace SmtpBlaster.Messages;

/// <summary>
/// What a message says of itself, in a header field: <c>X-Blaster: RUN NUMBER COUNT TIME SIZE CRC</c>. RUN is 8 hex digits; the message's recipients have the numbers NUMBER to NUMBER+COUNT-1; TIME is when it was sent,
/// microseconds since 1970; SIZE and CRC (CRC-32C, 8 hex digits) are of its body, as it is without dot-stuffing.
/// </summary>
internal readonly record struct Marker(uint Run, long Number, int Count, long SentMicros, long BodySize, uint BodyCrc)
{
    /// <summary>More than the field ever takes, its line end included.</summary>
    public const int MaximumLength = 128;

    private static ReadOnlySpan<byte> Name => "X-Blaster: "u8;

    /// <summary>Writes the field with its CRLF; its length.</summary>
    public int Write(Span<byte> into)
    {
        Name.CopyTo(into);
        int at = Name.Length;
        at += Hex(Run, into[at..]);
        at += Decimal(Number, into[at..]);
        at += Decimal(Count, into[at..]);
        at += Decimal(SentMicros, into[at..]);
        at += Decimal(BodySize, into[at..]);
        into[at++] = (byte)' ';
        at += Hex(BodyCrc, into[at..]);
        "\r\n"u8.CopyTo(into[at..]);
        return at + 2;
    }

    /// <summary>Finds the field in a header section. False: there is none, or it isn't ours.</summary>
    public static bool TryFind(ReadOnlySpan<byte> header, out Marker marker)
    {
        marker = default;
        int at = header.StartsWith(Name) ? 0 : header.IndexOf("\r\nX-Blaster: "u8);
        if (at < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> value = header[(at + (at == 0 && header[0] == 'X' ? 0 : 2) + Name.Length)..];
        if (!TryHex(ref value, out uint run) || !TryDecimal(ref value, out long number) || !TryDecimal(ref value, out long count) || !TryDecimal(ref value, out long sent)
            || !TryDecimal(ref value, out long size) || !TrySpace(ref value) || !TryHex(ref value, out uint crc) || count is < 1 or > int.MaxValue)
        {
            return false;
        }

        marker = new Marker(run, number, (int)count, sent, size, crc);
        return true;
    }

    private static int Hex(uint value, Span<byte> into)
    {
        Utf8Formatter.TryFormat(value, into, out int written, new System.Buffers.StandardFormat('x', 8));
        return written;
    }

    private static int Decimal(long value, Span<byte> into)
    {
        into[0] = (byte)' ';
        Utf8Formatter.TryFormat(value, into[1..], out int written);
        return written + 1;
    }

    private static bool TryHex(ref ReadOnlySpan<byte> text, out uint value)
    {
        bool valid = Utf8Parser.TryParse(text[..Math.Min(8, text.Length)], out value, out int used, 'x') && used == 8;
        text = text[used..];
        return valid;
    }

    private static bool TryDecimal(ref ReadOnlySpan<byte> text, out long value)
    {
        value = 0;
        if (!TrySpace(ref text) || !Utf8Parser.TryParse(text, out value, out int used))
        {
            return false;
        }

        text = text[used..];
        return value >= 0;
    }

    private static bool TrySpace(ref ReadOnlySpan<byte> text)
    {
        bool valid = !text.IsEmpty && text[0] == ' ';
        text = valid ? text[1..] : text;
        return valid;
    }
}

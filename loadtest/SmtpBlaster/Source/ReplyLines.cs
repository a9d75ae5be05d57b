using System.Buffers.Text;

namespace SmtpBlaster.Source;

/// <summary>A server's replies line by line, where they lie (RFC 5321 §4.2): a client that counts needs a reply's code and the text of its last line, and keeps nothing. A lone LF ends a line too.</summary>
internal struct ReplyLines
{
    /// <summary>With its line end; RFC 5321 §4.5.3.1.5 has 512.</summary>
    public const int MaximumLength = 4096;

    // Of the lines that others follow; 0 at the beginning of a reply.
    private int _code;

    /// <summary>Forgets a reply that has begun: the connection is a new one.</summary>
    public void Begin() => _code = 0;

    /// <summary>Reads the first line. <paramref name="line"/> is without its end, <paramref name="used"/> with it; both are empty unless the line is <see cref="ReplyLine.More"/> or <see cref="ReplyLine.Last"/>.</summary>
    public ReplyLine Read(ReadOnlySpan<byte> data, out int used, out int code, out ReadOnlySpan<byte> line)
    {
        line = default;
        used = code = 0;
        int length = data.IndexOf((byte)'\n') + 1;
        if (length > MaximumLength || (length == 0 && data.Length >= MaximumLength))
        {
            return ReplyLine.TooLong;
        }

        if (length == 0)
        {
            return ReplyLine.Incomplete;
        }

        ReadOnlySpan<byte> whole = data[..length].TrimEnd("\r\n"u8);
        if (whole.Length < 3 || !Utf8Parser.TryParse(whole[..3], out int value, out int digits) || digits != 3 || value is < 200 or > 599 || (_code != 0 && _code != value)
            || (whole.Length > 3 && whole[3] is not ((byte)' ' or (byte)'-')))
        {
            return ReplyLine.Malformed;
        }

        bool more = whole.Length > 3 && whole[3] == '-';
        _code = more ? value : 0;
        (used, code) = (length, value);
        line = whole;
        return more ? ReplyLine.More : ReplyLine.Last;
    }

    /// <summary>What stands behind a line's code.</summary>
    public static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> line) => line[Math.Min(4, line.Length)..];
}

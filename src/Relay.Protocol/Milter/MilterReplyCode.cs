using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Milter;

/// <summary>Reads a milter's own reply to the client (SMFIR_REPLYCODE), strictly: it goes out in our name. Stateless; any thread.</summary>
public static class MilterReplyCode
{
    /// <summary>libmilter's MAXREPLIES.</summary>
    private const int MaximumLines = 32;

    /// <summary>
    /// "550 5.7.1 text", or several such lines parted by CRLF, each but the last with '-' behind its code; NUL ends it. The code is 4yz or 5yz and the same on all lines, an enhanced code is of its class, and there is text.
    /// False when it isn't so.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> data, out Reply? reply)
    {
        reply = null;
        if (data.IsEmpty || data.IndexOf((byte)0) != data.Length - 1)
        {
            return false;
        }

        data = data[..^1];
        data = data.EndsWith("\r\n"u8) ? data[..^2] : data;
        var text = new StringBuilder();
        int code = 0;
        EnhancedStatusCode enhanced = default;
        bool hasText = false;
        for (int line = 0; ; line++)
        {
            int end = data.IndexOf("\r\n"u8);
            ReadOnlySpan<byte> one = end < 0 ? data : data[..end];
            if (line == MaximumLines || !TryReadLine(one, end < 0, line == 0, ref code, ref enhanced, out ReadOnlySpan<byte> words))
            {
                return false;
            }

            hasText |= !words.IsEmpty;
            text.Append(line == 0 ? "" : "\n").Append(Encoding.Latin1.GetString(words).Replace("%%", "%", StringComparison.Ordinal));
            if (end < 0)
            {
                break;
            }

            data = data[(end + 2)..];
        }

        if (!hasText)
        {
            return false;
        }

        reply = new Reply((ReplyCode)code, enhanced.IsPresent ? enhanced : new EnhancedStatusCode((byte)(code / 100), 7, 1), text.ToString());
        return true;
    }

    private static bool TryReadLine(ReadOnlySpan<byte> line, bool isLast, bool isFirst, ref int code, ref EnhancedStatusCode enhanced, out ReadOnlySpan<byte> words)
    {
        words = [];
        if (line.Length < 4 || line[0] is not ((byte)'4' or (byte)'5') || line[1] is < (byte)'0' or > (byte)'9' || line[2] is < (byte)'0' or > (byte)'9' ||
            line[3] != (isLast ? (byte)' ' : (byte)'-') || line.ContainsAny((byte)'\r', (byte)'\n'))
        {
            return false;
        }

        int own = (100 * (line[0] - '0')) + (10 * (line[1] - '0')) + line[2] - '0';
        if (!isFirst && own != code)
        {
            return false;
        }

        code = own;
        words = line[4..].Trim(" \t"u8);
        if (EnhancedStatusCode.TryParse(words, out EnhancedStatusCode found, out int length))
        {
            if (found.Class != code / 100 || (!isFirst && enhanced.IsPresent && found != enhanced))
            {
                return false;
            }

            enhanced = found;
            words = words[length..].Trim(" \t"u8);
        }

        return true;
    }
}

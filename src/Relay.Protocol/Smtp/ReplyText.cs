using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>Makes a <see cref="PeerReply"/> of the lines of a reply that has been found well-formed: codes taken off, lines joined, cleaned. The text is its one allocation.</summary>
internal static class ReplyText
{
    private const char Replacement = '?';

    [SkipLocalsInit]
    public static PeerReply Read(int code, ReadOnlySpan<byte> lines)
    {
        Span<char> text = stackalloc char[PeerReply.MaximumTextLength];
        int length = 0;
        EnhancedStatusCode enhanced = default;
        for (bool first = true; !lines.IsEmpty; first = false)
        {
            ReadOnlySpan<byte> line = NextLine(ref lines);
            // RFC 2034 §4: the class of the enhanced code is the first digit of the code; otherwise it is just text.
            if (EnhancedStatusCode.TryParse(line, out EnhancedStatusCode found, out int taken) && found.Class == code / 100 && (first || found == enhanced))
            {
                enhanced = found;
                line = line[taken..];
            }

            Append(line.Trim(" \t"u8), text, ref length);
        }

        return new PeerReply(code, enhanced, length == 0 ? "" : new string(text[..length]));
    }

    /// <summary>Takes one line off <paramref name="lines"/> and gives its text, without code and separator.</summary>
    public static ReadOnlySpan<byte> NextLine(ref ReadOnlySpan<byte> lines)
    {
        int end = lines.IndexOf((byte)'\n') + 1;
        ReadOnlySpan<byte> line = WithoutEnding(lines[..end]);
        lines = lines[end..];
        return line[Math.Min(4, line.Length)..];
    }

    public static ReadOnlySpan<byte> WithoutEnding(ReadOnlySpan<byte> line) => line.EndsWith("\r\n"u8) ? line[..^2] : line[..^1];

    private static void Append(ReadOnlySpan<byte> line, Span<char> text, ref int length)
    {
        if (length > 0 && length < text.Length && !line.IsEmpty)
        {
            text[length++] = ' ';
        }

        while (!line.IsEmpty && length < text.Length)
        {
            byte octet = line[0];
            if (octet is >= (byte)' ' and <= (byte)'~')
            {
                text[length++] = (char)octet;
                line = line[1..];
                continue;
            }

            // Ill-formed UTF-8 decodes as U+FFFD.
            Rune.DecodeFromUtf8(line, out Rune rune, out int taken);
            line = line[taken..];
            if (octet == '\t')
            {
                text[length++] = ' ';
            }
            else if (!IsPrintable(rune))
            {
                text[length++] = Replacement;
            }
            else if (rune.TryEncodeToUtf16(text[length..], out int written))
            {
                length += written;
            }
            else
            {
                return;
            }
        }
    }

    /// <summary>Controls and line separators break a log line; formats (writing direction above all) make it read as another one.</summary>
    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);
}

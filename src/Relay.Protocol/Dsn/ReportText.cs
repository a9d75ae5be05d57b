using System.Buffers;
using System.Text;

namespace Relay.Protocol.Dsn;

/// <summary>
/// Writes text of any language into a 7-bit message: as it is where it is ASCII, otherwise as UTF-8 in base64 (RFC 2045 §6.8, RFC 2047). No line of it can begin what it shouldn't: a boundary, a field, a line with a dot.
/// </summary>
internal static class ReportText
{
    /// <summary>An encoded word has 75 characters at most (RFC 2047 §2), of which "=?utf-8?B?" and "?=" are 12; 45 octets are 60.</summary>
    private const int MostInWord = 45;

    private const int MostInLine = 57;

    /// <summary>RFC 5322 §2.1.1, with a space in front.</summary>
    private const int LongestLine = 990;

    public static void WriteSubject(IBufferWriter<byte> output, string subject)
    {
        if (subject.Length <= LongestLine / 2 && IsPlain(subject))
        {
            output.Write(Encoding.ASCII.GetBytes(subject));
            return;
        }

        Span<byte> word = stackalloc byte[MostInWord];
        int used = 0;
        bool first = true;
        foreach (Rune rune in subject.EnumerateRunes())
        {
            Rune kept = Rune.IsControl(rune) ? new Rune('?') : rune;
            if (used + kept.Utf8SequenceLength > MostInWord)
            {
                Word(output, word[..used], first);
                first = false;
                used = 0;
            }

            used += kept.EncodeToUtf8(word[used..]);
        }

        Word(output, word[..used], first);
    }

    /// <summary>The rest of the part's header, and the text.</summary>
    public static void WritePart(IBufferWriter<byte> output, string text)
    {
        string[] lines = text.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        if (Array.TrueForAll(lines, static l => l.Length <= LongestLine && IsPlain(l)))
        {
            output.Write("\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"u8);
            foreach (string line in lines)
            {
                output.Write(line.StartsWith("--", StringComparison.Ordinal) || line.StartsWith('.') ? " "u8 : []);
                output.Write(Encoding.ASCII.GetBytes(line));
                output.Write("\r\n"u8);
            }

            return;
        }

        output.Write("\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"u8);
        var clean = new StringBuilder();
        foreach (string line in lines)
        {
            foreach (Rune rune in line.EnumerateRunes())
            {
                // Marks that turn the direction of what follows could make an address look like another.
                bool isMark = Rune.IsControl(rune) || rune.Value is (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069) or 0x2028 or 0x2029;
                clean.Append(isMark ? "?" : rune.ToString());
            }

            clean.Append("\r\n");
        }

        byte[] octets = Encoding.UTF8.GetBytes(clean.ToString());
        for (int at = 0; at < octets.Length; at += MostInLine)
        {
            output.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(octets, at, Math.Min(MostInLine, octets.Length - at))));
            output.Write("\r\n"u8);
        }
    }

    private static bool IsPlain(string line) => !line.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private static void Word(IBufferWriter<byte> output, ReadOnlySpan<byte> octets, bool first)
    {
        output.Write(first ? "=?utf-8?B?"u8 : "\r\n =?utf-8?B?"u8);
        output.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(octets)));
        output.Write("?="u8);
    }
}

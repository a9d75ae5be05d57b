using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Relay.Telemetry;

/// <summary>
/// Makes what a peer sent fit for a log line: one line, printable, at most <see cref="MaximumLength"/> characters. UTF-8 that can be printed stays; control characters and
/// octets that are no UTF-8 become \xNN; characters that a reader can't see or that turn the text around them (RFC 3987 §4.1 and Unicode TR 36 §3.4) become '?'.
/// </summary>
public static class LogText
{
    public const int MaximumLength = 500;

    private static readonly SearchValues<byte> Printable = SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (byte)c)]);

    public static string Clean(ReadOnlySpan<byte> text)
    {
        if (text.Length <= MaximumLength && !text.ContainsAnyExcept(Printable))
        {
            return Encoding.ASCII.GetString(text);
        }

        Span<char> clean = stackalloc char[MaximumLength];
        int length = 0;
        while (!text.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf8(text, out Rune rune, out int consumed);
            bool fits = status == OperationStatus.Done
                ? TryAppend(clean, ref length, rune)
                : TryAppend(clean, ref length, text[..consumed]);
            if (!fits)
            {
                return Cut(clean[..length]);
            }

            text = text[consumed..];
        }

        return new string(clean[..length]);
    }

    public static string Clean(string text)
    {
        if (text.Length <= MaximumLength && !text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return text;
        }

        Span<char> clean = stackalloc char[MaximumLength];
        int length = 0;
        // Half a surrogate pair comes as U+FFFD.
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (!TryAppend(clean, ref length, rune))
            {
                return Cut(clean[..length]);
            }
        }

        return new string(clean[..length]);
    }

    private static bool TryAppend(Span<char> clean, ref int length, Rune rune)
    {
        if (rune.Value is < ' ' or 0x7f)
        {
            byte value = (byte)rune.Value;
            return TryAppend(clean, ref length, MemoryMarshal.CreateReadOnlySpan(ref value, 1));
        }

        if (!IsVisible(rune))
        {
            rune = new Rune('?');
        }

        bool fits = rune.TryEncodeToUtf16(clean[length..], out int written);
        length += written;
        return fits;
    }

    private static bool TryAppend(Span<char> clean, ref int length, ReadOnlySpan<byte> octets)
    {
        foreach (byte octet in octets)
        {
            if (!clean[length..].TryWrite(CultureInfo.InvariantCulture, $@"\x{octet:x2}", out int written))
            {
                return false;
            }

            length += written;
        }

        return true;
    }

    private static bool IsVisible(Rune rune) => Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    private static string Cut(ReadOnlySpan<char> clean)
    {
        // Room for the mark that says so, without parting a surrogate pair.
        int length = Math.Min(clean.Length, MaximumLength - 1);
        if (char.IsHighSurrogate(clean[length - 1]))
        {
            length--;
        }

        return string.Concat(clean[..length], "…");
    }
}

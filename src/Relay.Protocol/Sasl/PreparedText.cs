using System.Buffers;
using System.Globalization;
using System.Text;

namespace Relay.Protocol.Sasl;

/// <summary>
/// What may be a name or a password (RFC 4013, RFC 8265): UTF-8 without control characters. There is no normalization in this process (it runs without the Unicode tables for it), so a new one holds no combining marks either:
/// it is in its composed form (NFC), which is what clients that prepare their text send.
/// </summary>
public static class PreparedText
{
    /// <summary>A longer one is no slip of a finger.</summary>
    public const int MaximumLength = 1024;

    /// <summary>Whether a client's name or password can be one at all.</summary>
    public static bool IsValid(ReadOnlySpan<byte> text) => text.Length is > 0 and <= MaximumLength && Check(text, marks: true, spaces: true);

    /// <summary>Whether it may be a new user's name: no white space in it.</summary>
    public static bool IsName(ReadOnlySpan<byte> text) => text.Length is > 0 and <= 255 && Check(text, marks: false, spaces: false);

    /// <summary>Whether it may be a new password. Spaces may stand in it (RFC 8265 §4.2).</summary>
    public static bool IsPassword(ReadOnlySpan<byte> text) => text.Length is > 0 and <= MaximumLength && Check(text, marks: false, spaces: true);

    private static bool Check(ReadOnlySpan<byte> text, bool marks, bool spaces)
    {
        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(text, out Rune rune, out int length) != OperationStatus.Done)
            {
                return false;
            }

            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            if (category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse
                || (!marks && category is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark)
                || (!spaces && Rune.IsWhiteSpace(rune)))
            {
                return false;
            }

            text = text[length..];
        }

        return true;
    }
}

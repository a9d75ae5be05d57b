using System.Buffers;
using System.Buffers.Text;

namespace Relay.Flow.Accept;

/// <summary>
/// A client's base64 in an AUTH exchange (RFC 4954 §4), by RFC 4648 §4 to the letter: whole groups, padding at the end only, no bits set behind the last octet, nothing else in between.
/// The library's decoder skips white space and takes what isn't canonical.
/// </summary>
internal static class Base64Response
{
    private static readonly SearchValues<byte> Alphabet = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"u8);

    /// <summary>Decodes into <paramref name="octets"/>, which must have room for 3 octets for each 4 of <paramref name="text"/>.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> text, Span<byte> octets, out int length)
    {
        length = 0;
        int padding = text.EndsWith("=="u8) ? 2 : text.EndsWith("="u8) ? 1 : 0;
        ReadOnlySpan<byte> digits = text[..^padding];
        if (text.Length % 4 != 0 || digits.ContainsAnyExcept(Alphabet))
        {
            return false;
        }

        return Base64.DecodeFromUtf8(text, octets, out _, out length) == OperationStatus.Done && (padding == 0 || IsCanonical(digits[^1], padding));
    }

    /// <summary>The last digit before the padding carries 2 or 4 bits that count; the others are zero.</summary>
    private static bool IsCanonical(byte last, int padding)
    {
        ReadOnlySpan<byte> digits = padding == 2 ? "AQgw"u8 : "AEIMQUYcgkosw048"u8;
        return digits.Contains(last);
    }
}

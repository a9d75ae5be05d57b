using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Relay.Fuzz.Oracles;

/// <summary>xtext (RFC 3461 §4) as a regular expression.</summary>
internal static class SlowXText
{
    /// <summary>The octets that xtext stands for, or null.</summary>
    public static string? Decode(string text) => Regex.IsMatch(text, @"\A(?:[!-*,-<>-~]|\+[0-9A-F]{2})*\z")
        ? Regex.Replace(text, @"\+(..)", static m => ((char)int.Parse(m.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString())
        : null;

    /// <summary>Whether a parameter's value is xtext of printable text.</summary>
    public static bool IsPrintable(string text, int maximum, bool utf8) =>
        text.Length > 0 && text.Length <= maximum && Decode(text) is { } decoded && decoded.All(c => c is >= ' ' and <= '~' || (utf8 && c >= 0x80)) && IsUtf8(decoded);

    public static bool IsUtf8(string octets)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Octets.Of(octets)).Length >= 0;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }
}

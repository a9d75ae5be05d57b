using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;

namespace Relay.Protocol.Smtp;

/// <summary>What the values of text parameters may say once they are decoded. Stateless; any thread.</summary>
internal static class ParameterText
{
    /// <summary>The longest value that is taken: RFC 4954 §3 and RFC 3461 §5 lengthen the command lines by 500 octets.</summary>
    public const int MaximumLength = 500;

    /// <summary>Whether <paramref name="text"/> is printable ASCII, spaces included, and with <paramref name="utf8"/> also well-formed UTF-8.</summary>
    public static bool IsPrintable(ReadOnlySpan<byte> text, bool utf8) =>
        text.IndexOfAnyInRange((byte)0, (byte)31) < 0 && !text.Contains((byte)127) && (utf8 ? Utf8.IsValid(text) : Ascii.IsValid(text));

    /// <summary>Whether <paramref name="value"/> is xtext, at most so long as that, of printable text: no line end can hide in it.</summary>
    [SkipLocalsInit]
    public static bool IsXText(ReadOnlySpan<byte> value, int maximum, bool utf8)
    {
        Span<byte> decoded = stackalloc byte[MaximumLength];
        return !value.IsEmpty && value.Length <= maximum && XText.TryDecode(value, decoded, out int length) && IsPrintable(decoded[..length], utf8);
    }
}

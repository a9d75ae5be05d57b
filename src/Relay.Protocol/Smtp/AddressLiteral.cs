using System.Buffers;
using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// The grammar of an address literal, <c>[192.0.2.1]</c> or <c>[IPv6:2001:db8::1]</c> (RFC 5321 §4.1.3). A parser of our own, because the library's take octal numbers,
/// missing parts, zones and ports. No other tag than IPv6 was ever registered. Stateless; any thread.
/// </summary>
public static class AddressLiteral
{
    private static readonly SearchValues<byte> HexDigits = SearchValues.Create("0123456789ABCDEFabcdef"u8);

    /// <summary>Whether <paramref name="text"/>, brackets included, is an address literal.</summary>
    public static bool IsValid(ReadOnlySpan<byte> text)
    {
        if (text.Length < 2 || text[0] != '[' || text[^1] != ']')
        {
            return false;
        }

        text = text[1..^1];
        ReadOnlySpan<byte> tag = "ipv6:"u8;
        return text.Length >= tag.Length && Ascii.EqualsIgnoreCase(text[..tag.Length], tag) ? IsIPv6(text[tag.Length..]) : IsIPv4(text);
    }

    /// <summary><c>Snum 3("." Snum)</c>; a leading zero is refused, because half of the world reads it as octal.</summary>
    internal static bool IsIPv4(ReadOnlySpan<byte> text)
    {
        for (int part = 0; part < 4; part++)
        {
            int dot = text.IndexOf((byte)'.');
            if (part < 3 != dot >= 0)
            {
                return false;
            }

            ReadOnlySpan<byte> number = dot < 0 ? text : text[..dot];
            if (number.Length is < 1 or > 3 || (number.Length > 1 && number[0] == '0'))
            {
                return false;
            }

            int value = 0;
            foreach (byte digit in number)
            {
                if (digit is < (byte)'0' or > (byte)'9')
                {
                    return false;
                }

                value = value * 10 + (digit - '0');
            }

            if (value > 255)
            {
                return false;
            }

            text = text[(dot + 1)..];
        }

        return true;
    }

    /// <summary>
    /// <c>IPv6-full / IPv6-comp / IPv6v4-full / IPv6v4-comp</c>: eight groups, or at most six and one "::", which stands for two at least;
    /// a dotted IPv4 address in the last place counts as two groups.
    /// </summary>
    private static bool IsIPv6(ReadOnlySpan<byte> text)
    {
        int compression = text.IndexOf("::"u8);
        if (compression < 0)
        {
            return Groups(text, last: true) == 8;
        }

        ReadOnlySpan<byte> before = text[..compression];
        ReadOnlySpan<byte> after = text[(compression + 2)..];
        int left = before.IsEmpty ? 0 : Groups(before, last: false);
        int right = after.IsEmpty ? 0 : Groups(after, last: true);
        return left >= 0 && right >= 0 && left + right <= 6;
    }

    /// <summary>How many 16-bit groups <paramref name="text"/> holds, or -1 when it isn't a list of them.</summary>
    private static int Groups(ReadOnlySpan<byte> text, bool last)
    {
        for (int count = 1; count <= 8; count++)
        {
            int colon = text.IndexOf((byte)':');
            ReadOnlySpan<byte> group = colon < 0 ? text : text[..colon];
            if (colon < 0 && last && group.Contains((byte)'.'))
            {
                return IsIPv4(group) ? count + 1 : -1;
            }

            if (group.Length is < 1 or > 4 || group.ContainsAnyExcept(HexDigits))
            {
                return -1;
            }

            if (colon < 0)
            {
                return count;
            }

            text = text[(colon + 1)..];
        }

        return -1;
    }
}

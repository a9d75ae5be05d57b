using System.Globalization;

namespace Relay.Protocol.Smtp;

/// <summary>
/// An enhanced status code, class.subject.detail (RFC 3463 §2; numbers in the IANA registry it founded).
/// The default value means "none": a greeting, an EHLO reply, or a peer that doesn't send them.
/// </summary>
public readonly record struct EnhancedStatusCode(byte Class, ushort Subject, ushort Detail)
{
    /// <summary>False for the default value.</summary>
    public bool IsPresent => Class != 0;

    /// <summary>
    /// Reads "5.1.1" at the start of <paramref name="text"/>; the code must be followed by a space or the end.
    /// <paramref name="length"/> is what it took, without the space. RFC 3463 §2: class 2, 4 or 5, the others up to three digits.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out EnhancedStatusCode code, out int length)
    {
        code = default;
        length = 0;
        if (text.Length < 5 || text[0] is not ((byte)'2' or (byte)'4' or (byte)'5') || text[1] != '.')
        {
            return false;
        }

        int at = 2;
        if (!TryNumber(text, ref at, out ushort subject) || at >= text.Length || text[at++] != '.' || !TryNumber(text, ref at, out ushort detail))
        {
            return false;
        }

        if (at < text.Length && text[at] != ' ')
        {
            return false;
        }

        code = new EnhancedStatusCode((byte)(text[0] - '0'), subject, detail);
        length = at;
        return true;
    }

    public override string ToString() => IsPresent ? string.Create(CultureInfo.InvariantCulture, $"{Class}.{Subject}.{Detail}") : "";

    private static bool TryNumber(ReadOnlySpan<byte> text, ref int at, out ushort value)
    {
        int start = at;
        value = 0;
        while (at < text.Length && at - start < 3 && text[at] is >= (byte)'0' and <= (byte)'9')
        {
            value = (ushort)(value * 10 + (text[at++] - '0'));
        }

        return at > start;
    }
}

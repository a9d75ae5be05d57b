namespace Relay.Protocol.Smtp;

/// <summary>Decimal numbers of commands. Digits only: the library's parsers take signs, blanks and the digits of other scripts. Stateless; any thread.</summary>
internal static class Number
{
    /// <summary>Reads <c>1*DIGIT</c>. False for anything else, and for a number above <see cref="long.MaxValue"/>, which <paramref name="value"/> then is.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out long value)
    {
        value = 0;
        if (!IsDigits(text))
        {
            return false;
        }

        foreach (byte digit in text)
        {
            int add = digit - '0';
            if (value > (long.MaxValue - add) / 10)
            {
                value = long.MaxValue;
                return false;
            }

            value = value * 10 + add;
        }

        return true;
    }

    public static bool IsDigits(ReadOnlySpan<byte> text) => !text.IsEmpty && !text.ContainsAnyExceptInRange((byte)'0', (byte)'9');
}

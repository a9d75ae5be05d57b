using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Reads the parameters of MAIL. A parameter whose extension isn't offered is one we don't know: 555 (RFC 5321 §4.1.1.11); one that comes twice or with a bad value: 501.
/// </summary>
internal static class MailParameterParser
{
    /// <summary>RFC 1870 §3: <c>size-value = 1*20DIGIT</c>.</summary>
    private const int MaximumSizeDigits = 20;

    [Flags]
    private enum Seen : byte
    {
        Nothing = 0,
        Size = 1,
        Body = 2,
        SmtpUtf8 = 4,
    }

    public static Reply? Parse(ReadOnlySpan<byte> text, Extensions offered, out MailParameters parameters)
    {
        parameters = default;
        long size = 0;
        BodyType body = BodyType.Unspecified;
        Seen seen = Seen.Nothing;
        var reader = new ParameterReader(text);
        while (reader.MoveNext())
        {
            Seen parameter;
            bool valid;
            if ((offered & Extensions.Size) != 0 && Ascii.EqualsIgnoreCase(reader.Keyword, "SIZE"u8))
            {
                parameter = Seen.Size;
                valid = TrySize(reader.Value, out size);
            }
            else if ((offered & Extensions.EightBitMime) != 0 && Ascii.EqualsIgnoreCase(reader.Keyword, "BODY"u8))
            {
                parameter = Seen.Body;
                valid = TryBody(reader.Value, offered, out body);
            }
            else if ((offered & Extensions.SmtpUtf8) != 0 && Ascii.EqualsIgnoreCase(reader.Keyword, "SMTPUTF8"u8))
            {
                parameter = Seen.SmtpUtf8;
                valid = reader.Value.IsEmpty;
            }
            else
            {
                return Replies.ParameterUnknown555;
            }

            if (!valid || (seen & parameter) != 0)
            {
                return Replies.ParameterSyntax501;
            }

            seen |= parameter;
        }

        if (reader.IsMalformed)
        {
            return Replies.ParameterSyntax501;
        }

        parameters = new MailParameters(size, body, (seen & Seen.SmtpUtf8) != 0);
        return null;
    }

    /// <summary>Digits only: the library's parsers take signs, blanks and the digits of other scripts.</summary>
    public static bool TrySize(ReadOnlySpan<byte> value, out long size)
    {
        size = 0;
        if (value.Length is < 1 or > MaximumSizeDigits || value.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
        {
            return false;
        }

        foreach (byte digit in value)
        {
            int add = digit - '0';
            size = size > (long.MaxValue - add) / 10 ? long.MaxValue : size * 10 + add;
        }

        return true;
    }

    private static bool TryBody(ReadOnlySpan<byte> value, Extensions offered, out BodyType body)
    {
        body = Ascii.EqualsIgnoreCase(value, "7BIT"u8) ? BodyType.SevenBit
            : Ascii.EqualsIgnoreCase(value, "8BITMIME"u8) ? BodyType.EightBitMime
            : (offered & Extensions.BinaryMime) != 0 && Ascii.EqualsIgnoreCase(value, "BINARYMIME"u8) ? BodyType.BinaryMime
            : BodyType.Unspecified;
        return body != BodyType.Unspecified;
    }
}

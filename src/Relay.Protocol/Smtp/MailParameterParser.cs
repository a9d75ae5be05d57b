using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Reads the parameters of MAIL. A parameter whose extension isn't offered is one we don't know: 555 (RFC 5321 §4.1.1.11); one that comes twice or with a bad value: 501.
/// </summary>
internal static class MailParameterParser
{
    /// <summary>RFC 1870 §3: <c>size-value = 1*20DIGIT</c>.</summary>
    private const int MaximumSizeDigits = 20;

    /// <summary>RFC 3461 §4.4.</summary>
    private const int MaximumEnvelopeIdLength = 100;

    public static Reply? Parse(ReadOnlySpan<byte> text, Extensions offered, out MailParameters parameters)
    {
        parameters = default;
        Parameter seen = Parameter.None;
        var reader = new ParameterReader(text);
        while (reader.MoveNext())
        {
            Parameter parameter = ParameterName.Find(reader.Keyword, offered);
            Reply? refusal = (seen & parameter) != 0 ? Replies.ParameterRepeated501 : Read(parameter, reader.Value, offered, ref parameters);
            if (refusal is not null)
            {
                return refusal;
            }

            seen |= parameter;
        }

        // RFC 4865 §4: one or the other.
        const Parameter Holds = Parameter.HoldFor | Parameter.HoldUntil;
        return reader.IsMalformed ? Replies.ParameterSyntax501 : (seen & Holds) == Holds ? Replies.HoldTwice501 : null;
    }

    /// <summary>Digits only, as many as there may be; a number too large for a long is as good as the largest one.</summary>
    public static bool TrySize(ReadOnlySpan<byte> value, out long size) => Number.TryParse(value, out size) ? value.Length <= MaximumSizeDigits : value.Length <= MaximumSizeDigits && Number.IsDigits(value);

    /// <summary>Null when the value is good and noted.</summary>
    private static Reply? Read(Parameter parameter, ReadOnlySpan<byte> value, Extensions offered, ref MailParameters parameters)
    {
        bool utf8 = (offered & Extensions.SmtpUtf8) != 0;
        FutureRelease hold;
        switch (parameter)
        {
            case Parameter.Size:
                bool valid = TrySize(value, out long size);
                parameters.Size = size;
                return valid ? null : Replies.SizeSyntax501;
            case Parameter.Body:
                parameters.Body = Body(value, offered);
                return parameters.Body != BodyType.Unspecified ? null : Replies.BodySyntax501;
            case Parameter.SmtpUtf8:
                parameters.SmtpUtf8 = true;
                return value.IsEmpty ? null : Replies.ValueUnexpected501;
            case Parameter.RequireTls:
                parameters.RequireTls = true;
                return value.IsEmpty ? null : Replies.ValueUnexpected501;
            case Parameter.Return:
                parameters.Return = Ascii.EqualsIgnoreCase(value, "FULL"u8) ? DsnReturn.Full : Ascii.EqualsIgnoreCase(value, "HDRS"u8) ? DsnReturn.Headers : default;
                return parameters.Return != DsnReturn.Unspecified ? null : Replies.ReturnSyntax501;
            case Parameter.EnvelopeId:
                parameters.EnvelopeId = value;
                return ParameterText.IsXText(value, MaximumEnvelopeIdLength, utf8: false) ? null : Replies.EnvelopeIdSyntax501;
            case Parameter.Submitter:
                parameters.Submitter = value;
                return ParameterText.IsXText(value, ParameterText.MaximumLength, utf8) ? null : Replies.SubmitterSyntax501;
            case Parameter.DeliverBy:
                valid = DeliverBy.TryParse(value, out DeliverBy deliverBy);
                parameters.DeliverBy = deliverBy;
                return valid ? null : Replies.DeliverBySyntax501;
            case Parameter.HoldFor:
                valid = FutureRelease.TryParseFor(value, out hold);
                parameters.Hold = hold;
                return valid ? null : Replies.HoldSyntax501;
            case Parameter.HoldUntil:
                valid = FutureRelease.TryParseUntil(value, out hold);
                parameters.Hold = hold;
                return valid ? null : Replies.HoldSyntax501;
            case Parameter.Priority:
                parameters.Priority = Priority(value);
                return parameters.Priority is not null ? null : Replies.PrioritySyntax501;
            default:
                return Replies.ParameterUnknown555;
        }
    }

    private static BodyType Body(ReadOnlySpan<byte> value, Extensions offered) =>
        Ascii.EqualsIgnoreCase(value, "7BIT"u8) ? BodyType.SevenBit
        : (offered & Extensions.EightBitMime) != 0 && Ascii.EqualsIgnoreCase(value, "8BITMIME"u8) ? BodyType.EightBitMime
        : (offered & Extensions.BinaryMime) != 0 && Ascii.EqualsIgnoreCase(value, "BINARYMIME"u8) ? BodyType.BinaryMime
        : BodyType.Unspecified;

    /// <summary>RFC 6710 §4.1: <c>priority-value = (["-"] NZDIGIT) / "0"</c>.</summary>
    private static sbyte? Priority(ReadOnlySpan<byte> value) => value switch
    {
        [>= (byte)'0' and <= (byte)'9'] => (sbyte)(value[0] - '0'),
        [(byte)'-', >= (byte)'1' and <= (byte)'9'] => (sbyte)('0' - value[1]),
        _ => null,
    };
}

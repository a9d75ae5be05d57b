using System.Buffers;
using System.Text.Unicode;

namespace Relay.Protocol.Smtp;

/// <summary>The grammar of a domain in a mail address. Stateless; any thread.</summary>
public static class Domain
{
    /// <summary>RFC 5321 §4.5.3.1.2.</summary>
    public const int MaximumLength = 255;

    /// <summary>RFC 1035 §2.3.4.</summary>
    public const int MaximumLabelLength = 63;

    private static readonly SearchValues<byte> LetterDigitHyphen = SearchValues.Create("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    /// <summary>
    /// RFC 5321 §4.1.2: <c>Domain = sub-domain *("." sub-domain)</c>, <c>sub-domain = Let-dig [Ldh-str]</c>; no trailing dot, no underscore.
    /// A label that begins with "xn--" must be an A-label, and with <paramref name="utf8"/> there may be U-labels (RFC 5890 §2.3.2.1, RFC 6531 §3.3).
    /// </summary>
    public static bool IsValid(ReadOnlySpan<byte> text, bool utf8 = false)
    {
        if (text.IsEmpty || text.Length > MaximumLength || (utf8 && !Utf8.IsValid(text)))
        {
            return false;
        }

        while (true)
        {
            int dot = text.IndexOf((byte)'.');
            if (!IsLabel(dot < 0 ? text : text[..dot], utf8))
            {
                return false;
            }

            if (dot < 0)
            {
                return true;
            }

            text = text[(dot + 1)..];
        }
    }

    private static bool IsLabel(ReadOnlySpan<byte> label, bool utf8)
    {
        int other = label.IndexOfAnyExcept(LetterDigitHyphen);
        if (other >= 0)
        {
            return utf8 && label[other] >= 0x80 && Idna.IsULabel(label);
        }

        return label is { Length: > 0 and <= MaximumLabelLength } && label[0] != '-' && label[^1] != '-' && (label.Length < 4 || label[3] != '-' || Idna.IsALabelOrOrdinary(label));
    }
}

using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Relay.Protocol.Smtp;

/// <summary>Reads the parameters of RCPT (RFC 3461 §4): 555 and 501 as with <see cref="MailParameterParser"/>.</summary>
internal static class RcptParameterParser
{
    // RFC 5322 §3.2.3 atext.
    private static readonly SearchValues<byte> Atom = SearchValues.Create("!#$%&'*+-/0123456789=?ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz{|}~"u8);

    public static Reply? Parse(ReadOnlySpan<byte> text, Extensions offered, out RcptParameters parameters)
    {
        parameters = default;
        Parameter seen = Parameter.None;
        var reader = new ParameterReader(text, utf8: (offered & Extensions.SmtpUtf8) != 0);
        while (reader.MoveNext())
        {
            Parameter parameter = ParameterName.Find(reader.Keyword, offered);
            if ((seen & parameter) != 0)
            {
                return Replies.ParameterRepeated501;
            }

            seen |= parameter;
            switch (parameter)
            {
                case Parameter.Notify when TryNotify(reader.Value, out DsnNotify notify):
                    parameters.Notify = notify;
                    break;
                case Parameter.OriginalRecipient when IsOriginalRecipient(reader.Value):
                    parameters.OriginalRecipient = reader.Value;
                    break;
                case Parameter.Notify:
                    return Replies.NotifySyntax501;
                case Parameter.OriginalRecipient:
                    return Replies.OriginalRecipientSyntax501;
                default:
                    return Replies.ParameterUnknown555;
            }
        }

        return reader.IsMalformed ? Replies.ParameterSyntax501 : null;
    }

    /// <summary>RFC 3461 §4.1: NEVER alone, or a list of SUCCESS, FAILURE, DELAY.</summary>
    private static bool TryNotify(ReadOnlySpan<byte> value, out DsnNotify notify)
    {
        notify = Ascii.EqualsIgnoreCase(value, "NEVER"u8) ? DsnNotify.Never : DsnNotify.Unspecified;
        if (notify == DsnNotify.Never)
        {
            return true;
        }

        while (true)
        {
            int comma = value.IndexOf((byte)',');
            ReadOnlySpan<byte> word = comma < 0 ? value : value[..comma];
            DsnNotify one = Ascii.EqualsIgnoreCase(word, "SUCCESS"u8) ? DsnNotify.Success
                : Ascii.EqualsIgnoreCase(word, "FAILURE"u8) ? DsnNotify.Failure
                : Ascii.EqualsIgnoreCase(word, "DELAY"u8) ? DsnNotify.Delay
                : DsnNotify.Unspecified;
            if (one == DsnNotify.Unspecified || comma < 0)
            {
                notify |= one;
                return one != DsnNotify.Unspecified;
            }

            notify |= one;
            value = value[(comma + 1)..];
        }
    }

    /// <summary>
    /// RFC 3461 §4.2: <c>original-recipient-address = addr-type ";" xtext</c>, addr-type an atom. RFC 6533 §3: of type utf-8 it may be UTF-8 as it is, with "\x{…}" for what xtext would encode,
    /// which to us is text like any other.
    /// </summary>
    private static bool IsOriginalRecipient(ReadOnlySpan<byte> value)
    {
        int semicolon = value.IndexOf((byte)';');
        if (semicolon < 1 || value.Length > ParameterText.MaximumLength || value[..semicolon].ContainsAnyExcept(Atom))
        {
            return false;
        }

        ReadOnlySpan<byte> address = value[(semicolon + 1)..];
        return Ascii.IsValid(address)
            // Postfix encodes an internationalized address so, and calls it rfc822.
            ? ParameterText.IsXText(address, ParameterText.MaximumLength, utf8: true)
            : Ascii.EqualsIgnoreCase(value[..semicolon], "utf-8"u8) && Utf8.IsValid(address) && !address.ContainsAny((byte)'+', (byte)'=');
    }
}

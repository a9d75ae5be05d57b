using System.Buffers;
using System.Text;

namespace Relay.Protocol.Sasl;

/// <summary>
/// The message with which a client shows its token: of OAUTHBEARER (RFC 7628 §3.1), <c>n,[a=user],^A auth=Bearer token ^A [key=value ^A]… ^A</c>, or of XOAUTH2, <c>user=name ^A auth=Bearer token ^A ^A</c>, where ^A is the octet 1.
/// </summary>
public readonly record struct BearerMessage
{
    private const byte Separator = 1;

    /// <summary>RFC 6750 §2.1: b64token, but for the equals signs at its end.</summary>
    private static readonly SearchValues<byte> TokenCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"u8);

    private static readonly SearchValues<byte> Letters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    /// <summary>Whom the client wants to be; empty when the token alone is to say it.</summary>
    public string User { get; private init; }

    /// <summary>Where the token lies in the message; it is ASCII, and not empty.</summary>
    public Range Token { get; private init; }

    public static bool TryRead(ReadOnlySpan<byte> message, bool isXoauth2, out BearerMessage read)
    {
        read = default;
        int headEnd = message.IndexOf(Separator);
        if (headEnd < 0 || !TryUser(message[..headEnd], isXoauth2, out string user))
        {
            return false;
        }

        Range? token = null;
        int at = headEnd + 1;
        while (at < message.Length && message[at] != Separator)
        {
            int length = message[at..].IndexOf(Separator);
            if (length < 0)
            {
                return false;
            }

            ReadOnlySpan<byte> pair = message.Slice(at, length);
            int equals = pair.IndexOf((byte)'=');
            if (equals <= 0 || pair[..equals].ContainsAnyExcept(Letters) || !IsValue(pair[(equals + 1)..]))
            {
                return false;
            }

            if (pair[..equals].SequenceEqual("auth"u8))
            {
                if (token is not null || !TryToken(pair[(equals + 1)..], out Range within))
                {
                    return false;
                }

                int start = at + equals + 1;
                token = (start + within.Start.Value)..(start + within.End.Value);
            }
            else if (isXoauth2)
            {
                return false;
            }

            at += length + 1;
        }

        if (at != message.Length - 1 || token is not { } found)
        {
            return false;
        }

        read = new BearerMessage { User = user, Token = found };
        return true;
    }

    private static bool TryUser(ReadOnlySpan<byte> head, bool isXoauth2, out string user)
    {
        user = "";
        if (isXoauth2)
        {
            return head.StartsWith("user="u8) && TryText(head["user="u8.Length..], out user);
        }

        // GS2 (RFC 5801 §4) without a binding to the channel, which this mechanism doesn't have.
        if ((!head.StartsWith("n,"u8) && !head.StartsWith("y,"u8)) || head.Length == 2 || head[^1] != ',')
        {
            return false;
        }

        ReadOnlySpan<byte> actsAs = head[2..^1];
        return actsAs.IsEmpty || (actsAs.StartsWith("a="u8) && SaslName.TryRead(actsAs[2..], out byte[] name) && TryText(name, out user));
    }

    private static bool TryText(ReadOnlySpan<byte> octets, out string text)
    {
        bool valid = PreparedText.IsValid(octets);
        text = valid ? Encoding.UTF8.GetString(octets) : "";
        return valid;
    }

    /// <summary>RFC 7628 §3.1: VCHAR, SP, HTAB, CR, LF.</summary>
    private static bool IsValue(ReadOnlySpan<byte> value)
    {
        foreach (byte octet in value)
        {
            if (octet is not ((>= 0x20 and <= 0x7E) or (byte)'\t' or (byte)'\r' or (byte)'\n'))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryToken(ReadOnlySpan<byte> value, out Range token)
    {
        token = default;
        if (value.Length < 7 || !Ascii.EqualsIgnoreCase(value[..7], "Bearer "u8))
        {
            return false;
        }

        int start = 7 + value[7..].IndexOfAnyExcept((byte)' ');
        if (start < 7)
        {
            return false;
        }

        token = start..value.Length;
        ReadOnlySpan<byte> text = value[start..].TrimEnd((byte)'=');
        return !text.IsEmpty && !text.ContainsAnyExcept(TokenCharacters);
    }
}

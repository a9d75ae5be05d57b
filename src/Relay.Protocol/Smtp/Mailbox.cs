using System.Buffers;
using System.Text.Unicode;

namespace Relay.Protocol.Smtp;

/// <summary>
/// A mailbox, <c>local-part@domain</c>, split by the grammar of RFC 5321 §4.1.2 (not RFC 5322: no comments, no folding, no display names).
/// The parts are spans of the text that was parsed, as they came: quoted local parts stay quoted. Stateless; any thread.
/// </summary>
public readonly ref struct Mailbox
{
    /// <summary>RFC 5321 §4.5.3.1.1.</summary>
    public const int MaximumLocalPartLength = 64;

    /// <summary>RFC 5321 §4.5.3.1.3: a path is at most 256 octets, and two of them are its angle brackets.</summary>
    public const int MaximumLength = 254;

    // RFC 5322 §3.2.3 atext, and the dot between atoms.
    private static readonly SearchValues<byte> AtomOrDot = SearchValues.Create("!#$%&'*+-./0123456789=?ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz{|}~"u8);

    private Mailbox(ReadOnlySpan<byte> localPart, ReadOnlySpan<byte> domain)
    {
        LocalPart = localPart;
        Domain = domain;
    }

    public ReadOnlySpan<byte> LocalPart { get; }

    /// <summary>A domain, or an address literal with its brackets.</summary>
    public ReadOnlySpan<byte> Domain { get; }

    /// <summary><c>Mailbox = Local-part "@" ( Domain / address-literal )</c>. With <paramref name="utf8"/> well-formed UTF-8 counts as letters (RFC 6531 §3.3).</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out Mailbox mailbox, bool utf8 = false)
    {
        mailbox = default;
        if (text.IsEmpty || text.Length > MaximumLength || (utf8 && !Utf8.IsValid(text)))
        {
            return false;
        }

        int at = text[0] == '"' ? QuotedLength(text, utf8) : text.IndexOf((byte)'@');
        if (at is < 1 or > MaximumLocalPartLength || at >= text.Length || text[at] != '@' || (text[0] != '"' && !IsDotString(text[..at], utf8)))
        {
            return false;
        }

        ReadOnlySpan<byte> domain = text[(at + 1)..];
        if (domain.IsEmpty || !(domain[0] == '[' ? AddressLiteral.IsValid(domain) : Smtp.Domain.IsValid(domain, utf8)))
        {
            return false;
        }

        mailbox = new Mailbox(text[..at], domain);
        return true;
    }

    /// <summary>
    /// The length of the quoted string that <paramref name="text"/> begins with, its quotes included, or -1:
    /// <c>Quoted-string = DQUOTE *( qtextSMTP / "\" %d32-126 ) DQUOTE</c>.
    /// </summary>
    internal static int QuotedLength(ReadOnlySpan<byte> text, bool utf8)
    {
        for (int i = 1; i < text.Length; i++)
        {
            byte c = text[i];
            if (c == '"')
            {
                return i + 1;
            }

            if (c == '\\')
            {
                if (++i >= text.Length)
                {
                    return -1;
                }

                // RFC 6531 adds UTF-8 to qtextSMTP, not to quoted-pairSMTP.
                if (text[i] is < 0x20 or > 0x7E)
                {
                    return -1;
                }
            }
            else if (c is < 0x20 or 0x7F || (c >= 0x80 && !utf8))
            {
                return -1;
            }
        }

        return -1;
    }

    /// <summary><c>Dot-string = Atom *("." Atom)</c>.</summary>
    private static bool IsDotString(ReadOnlySpan<byte> text, bool utf8)
    {
        if (text[0] == '.' || text[^1] == '.' || text.IndexOf(".."u8) >= 0)
        {
            return false;
        }

        int other = text.IndexOfAnyExcept(AtomOrDot);
        while (utf8 && other >= 0 && text[other] >= 0x80)
        {
            text = text[(other + 1)..];
            other = text.IndexOfAnyExcept(AtomOrDot);
        }

        return other < 0;
    }
}

using System.Globalization;
using System.Text;
using Relay.Fuzz.Oracles;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>Mailboxes, domains and address literals.</summary>
internal sealed class MailboxTarget : IFuzzTarget
{
    public static string Name => "mailbox";

    public static IReadOnlyList<string> Tokens =>
    [
        "a@b", "@", ".", "..", "\"", "\\\"", "\\", "[", "]", "[127.0.0.1]", "[IPv6:", "IPv6:", "ipv6:", "::", ":", "1:2:3:4:5:6:7:8", "ffff", "255", "256", "00", "192.0.2.1", "-", "xn--", "xn--mnchen-3ya",
        "example.org", "\u00C3\u00BC", "\u00E2\u0082\u00AC", "\u00F0\u009F\u0098\u0080", "(comment)", " ", "<", ">", "postmaster", "very.long.label.",
    ];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string text = Octets.Text(input);
        bool literal = AddressLiteral.IsValid(input);
        Check.Equal(Grammar.IsLiteral(text), literal, "address literal");
        int outcome = literal ? 1 : 0;
        foreach (bool utf8 in (bool[])[false, true])
        {
            bool domain = Domain.IsValid(input, utf8);
            SameUnlessIdna(text, Grammar.IsDomain(text, utf8), domain, "domain");
            bool mailbox = Mailbox.TryParse(input, out Mailbox parts, utf8);
            string? expected = Grammar.DomainOfMailbox(text, utf8);
            SameUnlessIdna(text, expected is not null, mailbox, "mailbox");
            if (mailbox)
            {
                Check.Equal(expected, Octets.Text(parts.Domain), "the domain of the mailbox");
                Check.Equal(text, Octets.Text(parts.LocalPart) + "@" + Octets.Text(parts.Domain), "the parts of the mailbox");
            }

            if (domain && !text.All(char.IsAscii))
            {
                CompareAscii(input);
            }

            outcome = outcome * 4 + (domain ? 2 : 0) + (mailbox ? 1 : 0);
        }

        return HashCode.Combine(outcome, Shape(text));
    }

    /// <summary>The regular expressions don't know which A-labels and U-labels IDNA refuses: there the parser may be the stricter one.</summary>
    private static void SameUnlessIdna(string text, bool oracle, bool ours, string what)
    {
        bool idna = text.Contains("xn--", StringComparison.OrdinalIgnoreCase) || text.Any(static c => c >= 0x80);
        Check.True(oracle == ours || (idna && oracle), $"{what}: the oracle says {oracle}, the parser {ours}");
    }

    /// <summary>A U-label that was taken becomes the A-label that the library makes of it, and that one is taken too.</summary>
    private static void CompareAscii(ReadOnlySpan<byte> domain)
    {
        byte[] ascii = new byte[Domain.MaximumLength];
        // A domain that is short in UTF-8 may be too long in ASCII.
        if (Idna.TryToAscii(domain, ascii, out int length))
        {
            if (Library(string.Join('.', Encoding.UTF8.GetString(domain).Split('.').Select(Lower))) is { } library)
            {
                Check.Equal(library, Octets.Text(ascii.AsSpan(0, length)), "A-label");
            }

            Check.True(Domain.IsValid(ascii.AsSpan(0, length)), "an A-label of our own is refused");
            Check.True(Idna.SameDomain(domain, ascii.AsSpan(0, length)), "a domain isn't the same in ASCII");
        }
    }

    /// <summary>What the library makes of it; null where it refuses, as it does for labels that mix directions (RFC 5893), which is the DNS's to know here.</summary>
    private static string? Library(string domain)
    {
        try
        {
            return new IdnMapping { AllowUnassigned = true }.GetAscii(domain).ToLowerInvariant();
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static string Lower(string label)
    {
        var lower = new StringBuilder();
        foreach (Rune rune in label.EnumerateRunes())
        {
            lower.Append(Rune.ToLowerInvariant(rune));
        }

        return lower.ToString();
    }

    /// <summary>Which kinds of characters follow each other: inputs of a new shape are worth keeping.</summary>
    private static int Shape(string text)
    {
        var hash = default(HashCode);
        char last = '\0';
        foreach (char c in text.Take(12))
        {
            char kind = char.IsAsciiLetter(c) ? 'a' : char.IsAsciiDigit(c) ? '0' : c >= 0x80 ? 'u' : c;
            if (kind != last)
            {
                hash.Add(kind);
            }

            last = kind;
        }

        return hash.ToHashCode() & 0xFFF;
    }
}

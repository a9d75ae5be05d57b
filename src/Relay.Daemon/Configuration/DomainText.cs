using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Daemon.Configuration;

/// <summary>Domain names and mailboxes as text; the values are lower case.</summary>
internal static class DomainText
{
    /// <summary>A domain of RFC 5321 §4.1.2, with letters of any script (RFC 6531 §3.3) when <paramref name="international"/>. Null, or what is wrong.</summary>
    public static string? Parse(string text, bool international, out string value)
    {
        value = text.ToLowerInvariant();
        string what = $"\"{text}\" is not a domain name";
        if (text.EndsWith('.'))
        {
            return $"{what}: leave out the dot at its end";
        }

        if (!Domain.IsValid(Encoding.UTF8.GetBytes(text), international))
        {
            return $"{what}: a name is made of labels with 1 to 63 letters, digits and hyphens, like \"mail.example.net\"";
        }

        // 192.0.2.1 passes the grammar; no top-level domain is a number (RFC 3696 §2).
        return text[(text.LastIndexOf('.') + 1)..].All(char.IsAsciiDigit) ? $"{what}: its last label is a number" : null;
    }

    /// <summary>A domain, "*.domain" or "*". Null, or what is wrong.</summary>
    public static string? ParsePattern(string text, out string value)
    {
        value = text;
        if (text == "*")
        {
            return null;
        }

        bool below = text.StartsWith("*.", StringComparison.Ordinal);
        string? error = Parse(below ? text[2..] : text, true, out string domain);
        value = below ? "*." + domain : domain;
        return error is null ? null : $"\"{text}\" is not a domain, \"*.domain\" or \"*\"";
    }

    /// <summary>What may stand in front of "._domainkey" (RFC 6376 §3.1): labels as of a domain, underscores too. Null, or what is wrong.</summary>
    public static string? ParseSelector(string text, out string value)
    {
        value = text.ToLowerInvariant();
        bool valid = text.Length is > 0 and <= 100 && text.Split('.').All(static l => l.Length is > 0 and <= 63 && l.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
        return valid ? null : $"\"{text}\" is not a selector: it is made of letters, digits, hyphens and underscores, like \"s2026\"";
    }

    /// <summary>local@domain (RFC 5321 §4.1.2 Mailbox). Null, or what is wrong.</summary>
    public static string? ParseMailbox(string text, out string value)
    {
        value = text.ToLowerInvariant();
        return Mailbox.TryParse(Encoding.UTF8.GetBytes(text), out _, utf8: true) ? null : $"\"{text}\" is not a mail address: write it like \"postmaster@example.net\"";
    }
}

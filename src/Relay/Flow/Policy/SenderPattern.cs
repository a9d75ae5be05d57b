using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Policy;

/// <summary>Addresses that a user may send from: one address, <c>*@domain</c>, or <c>*@*.domain</c> for all domains below one. Without regard to case, and a domain is its A-labels (RFC 5890). Immutable; any thread.</summary>
public sealed class SenderPattern
{
    private readonly byte[]? _localPart;
    private readonly byte[] _domain;
    private readonly bool _isBelow;

    private SenderPattern(string text, byte[]? localPart, byte[] domain, bool isBelow)
    {
        Text = text;
        _localPart = localPart;
        _domain = domain;
        _isBelow = isBelow;
    }

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>Null when it isn't one.</summary>
    public static SenderPattern? Parse(string text)
    {
        int at = text.LastIndexOf('@');
        if (at <= 0)
        {
            return null;
        }

        bool any = text[..at] == "*";
        bool below = any && text.AsSpan(at + 1).StartsWith("*.");
        string domain = text[(at + (below ? 3 : 1))..];
        Span<byte> ascii = stackalloc byte[Domain.MaximumLength];
        byte[] mailbox = Encoding.UTF8.GetBytes((any ? "a" : text[..at]) + "@" + domain);
        if (!Mailbox.TryParse(mailbox, out Mailbox parsed, utf8: true) || !Idna.TryToAscii(parsed.Domain, ascii, out int length))
        {
            return null;
        }

        return new SenderPattern(text, any ? null : parsed.LocalPart.ToArray(), ascii[..length].ToArray(), below);
    }

    internal bool Matches(ReadOnlySpan<byte> localPart, ReadOnlySpan<byte> domain)
    {
        Span<byte> ascii = stackalloc byte[Domain.MaximumLength];
        if ((_localPart is not null && !Ascii.EqualsIgnoreCase(localPart, _localPart) && !localPart.SequenceEqual(_localPart)) || !Idna.TryToAscii(domain, ascii, out int length))
        {
            return false;
        }

        ReadOnlySpan<byte> given = ascii[..length];
        return _isBelow ? given.Length > _domain.Length + 1 && given[^(_domain.Length + 1)] == '.' && given.EndsWith(_domain) : given.SequenceEqual(_domain);
    }
}

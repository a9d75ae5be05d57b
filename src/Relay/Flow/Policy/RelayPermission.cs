using System.Collections.Frozen;
using System.Net;
using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Policy;

/// <summary>
/// The one place that decides whether a recipient may be sent to (RFC 5321 §3.6.2, RFC 2505 §2.1): by the client's network or by the recipient's domain.
/// The answer for a network is taken once per connection and never kept beyond it. Immutable; any thread.
/// </summary>
internal sealed class RelayPermission
{
    /// <summary>Of a recipient that doesn't exist.</summary>
    public static readonly Reply UnknownUser = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 1, 1, "no such user here");

    private static readonly Reply Denied = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 7, 1, "relaying denied");

    private readonly AccessOptions _access;
    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> _domains;
    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>>? _recipients;
    private readonly byte[] _postmaster;

    public RelayPermission(AccessOptions access, string hostname)
    {
        _access = access;
        _domains = access.RelayDomains.ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
        _recipients = access.Recipients?.ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
        _postmaster = Encoding.UTF8.GetBytes(access.Postmaster ?? "postmaster@" + hostname);
    }

    /// <summary>Where mail for &lt;postmaster&gt; without a domain goes.</summary>
    public ReadOnlySpan<byte> Postmaster => _postmaster;

    /// <summary>Whether a client may send to any domain.</summary>
    public bool IsTrusted(IPAddress client) => _access.RelayFrom.Covers(client);

    /// <summary>Null when a client may send to this mailbox, or the refusal. <paramref name="mailbox"/> has passed the parser; a bare "postmaster" is the caller's to replace.</summary>
    public Reply? Check(ReadOnlySpan<byte> mailbox, ReadOnlySpan<byte> domain, bool trusted)
    {
        Span<char> text = stackalloc char[320];
        if (domain.Length > 255 || mailbox.Length > text.Length)
        {
            return trusted ? null : Denied;
        }

        int length = Encoding.UTF8.GetChars(domain, text);
        bool ours = _domains.Contains(text[..length]);
        if (!ours)
        {
            return trusted ? null : Denied;
        }

        // The next hop may still read "%", "!" and a second "@" as routes of the old kind, which would make it relay for our client.
        if (!trusted && mailbox[..^(domain.Length + 1)].IndexOfAny((byte)'%', (byte)'!', (byte)'@') >= 0)
        {
            return Denied;
        }

        if (_recipients is { } recipients)
        {
            length = Encoding.UTF8.GetChars(mailbox, text);
            if (!recipients.Contains(text[..length]))
            {
                return UnknownUser;
            }
        }

        return null;
    }
}

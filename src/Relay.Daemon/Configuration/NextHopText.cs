using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.Flow;

namespace Relay.Daemon.Configuration;

/// <summary>Next hops as text: "smtp://host:port", "smtps://host:port", "lmtp://host:port"; the port may be left out; or "lmtp+unix:///path".</summary>
internal static class NextHopText
{
    private const string Right = "write it like \"smtp://mail.example.net:25\" or \"smtps://[2001:db8::1]:465\"";

    /// <summary>unix(7): sun_path has 108 octets with its NUL.</summary>
    private const int MaximumPathLength = 107;

    /// <summary>Null, or what is wrong.</summary>
    public static string? Parse(string text, out NextHop value)
    {
        value = new NextHop(NextHopScheme.Smtp, "", 0);
        int end = text.IndexOf("://", StringComparison.Ordinal);
        string scheme = end < 0 ? "" : text[..end].ToLowerInvariant();
        if (scheme is not ("smtp" or "smtps" or "lmtp" or "lmtp+unix"))
        {
            return $"\"{text}\" is not a next hop: {Right}";
        }

        string rest = text[(end + 3)..];
        if (scheme == "lmtp+unix")
        {
            value = new NextHop(NextHopScheme.Lmtp, rest, 0);
            return rest.StartsWith('/') && rest.Length > 1 && Encoding.UTF8.GetByteCount(rest) <= MaximumPathLength && !rest.Any(char.IsControl)
                ? null
                : string.Create(CultureInfo.InvariantCulture, $"\"{text}\" names no socket: write it like \"lmtp+unix:///run/dovecot/lmtp\", with at most {MaximumPathLength} octets for the path");
        }

        if (rest.Contains('@', StringComparison.Ordinal))
        {
            return $"\"{text}\" has a user in it: write user and password as keys of their own";
        }

        // The colon of a port stands behind the bracket of an IPv6 address.
        int colon = rest.IndexOf(':', Math.Max(rest.IndexOf(']', StringComparison.Ordinal), 0));
        string host = colon < 0 ? rest : rest[..colon];
        // LMTP has no port of its own (RFC 2033 §3); 24 is "any private mail system", and Dovecot's default.
        int port = scheme switch { "smtps" => 465, "lmtp" => 24, _ => 25 };
        if (colon >= 0 && !AddressText.TryParsePort(rest[(colon + 1)..], 1, out port))
        {
            return $"\"{text}\" has no port from 1 to 65535 at its end: {Right}";
        }

        bool bracketed = host is ['[', .., ']'];
        if (AddressText.TryParse(bracketed ? host[1..^1] : host, out IPAddress? address) && bracketed == (address.AddressFamily == AddressFamily.InterNetworkV6))
        {
            host = address.ToString();
        }
        else if (DomainText.Parse(host, false, out host) is not null)
        {
            return $"\"{text}\" names no host: {Right}";
        }

        value = new NextHop(scheme switch { "smtps" => NextHopScheme.Smtps, "lmtp" => NextHopScheme.Lmtp, _ => NextHopScheme.Smtp }, host, port);
        return null;
    }
}

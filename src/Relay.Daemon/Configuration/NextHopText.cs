using System.Net;
using System.Net.Sockets;
using Relay.Flow;

namespace Relay.Daemon.Configuration;

/// <summary>Next hops as text: "smtp://host:port", "smtps://host:port"; the port may be left out.</summary>
internal static class NextHopText
{
    private const string Right = "write it like \"smtp://mail.example.net:25\" or \"smtps://[2001:db8::1]:465\"";

    /// <summary>Null, or what is wrong.</summary>
    public static string? Parse(string text, out NextHop value)
    {
        value = new NextHop(NextHopScheme.Smtp, "", 0);
        int end = text.IndexOf("://", StringComparison.Ordinal);
        string scheme = end < 0 ? "" : text[..end].ToLowerInvariant();
        if (scheme is "lmtp" or "lmtp+unix")
        {
            return $"\"{text}\": {scheme}:// is not supported yet: use smtp:// or smtps://";
        }

        if (scheme is not ("smtp" or "smtps"))
        {
            return $"\"{text}\" is not a next hop: {Right}";
        }

        string rest = text[(end + 3)..];
        if (rest.Contains('@', StringComparison.Ordinal))
        {
            return $"\"{text}\" has a user in it, which is not supported yet";
        }

        // The colon of a port stands behind the bracket of an IPv6 address.
        int colon = rest.IndexOf(':', Math.Max(rest.IndexOf(']', StringComparison.Ordinal), 0));
        string host = colon < 0 ? rest : rest[..colon];
        int port = scheme == "smtps" ? 465 : 25;
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

        value = new NextHop(scheme == "smtps" ? NextHopScheme.Smtps : NextHopScheme.Smtp, host, port);
        return null;
    }
}

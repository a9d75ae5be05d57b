using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Relay.Daemon.Configuration;

/// <summary>Where a milter listens, as text: "inet:127.0.0.1:8891", "inet6:[::1]:8891", "inet:filter.example.net:8891" or "unix:/run/filter.sock".</summary>
internal static class MilterAddressText
{
    private const string Right = "write it like \"inet:127.0.0.1:8891\", \"inet6:[::1]:8891\" or \"unix:/run/filter.sock\"";

    /// <summary>unix(7): sun_path has 108 octets with its NUL.</summary>
    private const int MaximumPathLength = 107;

    /// <summary>Null, or what is wrong.</summary>
    public static string? Parse(string text, out EndPoint value)
    {
        value = new IPEndPoint(IPAddress.None, 0);
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string kind = colon < 0 ? "" : text[..colon];
        string rest = text[(colon + 1)..];
        if (kind is "unix" or "local")
        {
            if (!rest.StartsWith('/') || rest.Length == 1 || Encoding.UTF8.GetByteCount(rest) > MaximumPathLength || rest.Any(char.IsControl))
            {
                return string.Create(CultureInfo.InvariantCulture, $"\"{text}\" names no socket: write it like \"unix:/run/filter.sock\", with at most {MaximumPathLength} octets for the path");
            }

            value = new UnixDomainSocketEndPoint(rest);
            return null;
        }

        if (kind is not ("inet" or "inet6"))
        {
            return $"\"{text}\" is not the address of a milter: {Right}";
        }

        int end = rest.LastIndexOf(':');
        if (rest.Contains('@', StringComparison.Ordinal) || end < 0 || !AddressText.TryParsePort(rest[(end + 1)..], 1, out int port))
        {
            return $"\"{text}\" has no port from 1 to 65535 at its end: {Right}";
        }

        string host = rest[..end];
        bool bracketed = host is ['[', .., ']'];
        if (AddressText.TryParse(bracketed ? host[1..^1] : host, out IPAddress? address))
        {
            value = new IPEndPoint(address, port);
            return bracketed == (address.AddressFamily == AddressFamily.InterNetworkV6) && (kind == "inet6") == bracketed ? null
                : $"\"{text}\" is not of the family that it says: {Right}";
        }

        if (DomainText.Parse(host, false, out host) is not null)
        {
            return $"\"{text}\" names no host: {Right}";
        }

        value = new DnsEndPoint(host, port);
        return null;
    }

    public static string Format(EndPoint value) => value switch
    {
        IPEndPoint { AddressFamily: AddressFamily.InterNetworkV6 } address => $"inet6:{address}",
        IPEndPoint address => $"inet:{address}",
        DnsEndPoint name => string.Create(CultureInfo.InvariantCulture, $"inet:{name.Host}:{name.Port}"),
        _ => $"unix:{value}",
    };
}

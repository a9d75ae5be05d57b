using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Relay.Daemon.Configuration;

/// <summary>IP addresses, "address:port" and networks as text, stricter than the base class library, which takes "127.1", "0x7f000001" and "010.0.0.1" for addresses.</summary>
internal static class AddressText
{
    public static bool TryParse(string text, [NotNullWhen(true)] out IPAddress? address) =>
        IPAddress.TryParse(text, out address)
        && (address.AddressFamily == AddressFamily.InterNetwork ? address.ToString() == text : !text.Contains('%', StringComparison.Ordinal) && !text.StartsWith('['));

    /// <summary>"192.0.2.1:25" or "[2001:db8::1]:25". Null, or what is wrong.</summary>
    public static string? ParseEndPoint(string text, int minimumPort, out IPEndPoint value)
    {
        value = new IPEndPoint(IPAddress.Any, 0);
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? text : text[..colon];
        bool bracketed = host is ['[', .., ']'];
        if (colon < 0 || !TryParse(bracketed ? host[1..^1] : host, out IPAddress? address) || bracketed != (address.AddressFamily == AddressFamily.InterNetworkV6))
        {
            return TryParse(text, out IPAddress? alone)
                ? $"\"{text}\" has no port: write \"{new IPEndPoint(alone, 25)}\""
                : $"\"{text}\" is not an IP address and port: write it like \"127.0.0.1:25\" or \"[::1]:25\"";
        }

        if (!TryParsePort(text[(colon + 1)..], minimumPort, out int port))
        {
            return string.Create(CultureInfo.InvariantCulture, $"\"{text}\" has no port from {minimumPort} to 65535");
        }

        value = new IPEndPoint(address, port);
        return null;
    }

    public static bool TryParsePort(string text, int minimum, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port >= minimum && port <= 65535;

    /// <summary>"10.0.0.0/8": nothing may be set behind the prefix. Null, or what is wrong.</summary>
    public static string? ParseNetwork(string text, out IPNetwork value)
    {
        value = default;
        string[] parts = text.Split('/');
        if (!TryParse(parts[0], out IPAddress? address) || parts.Length > 2)
        {
            return $"\"{text}\" is not a network: write it like \"10.0.0.0/8\" or \"2001:db8::/32\"";
        }

        int bits = address.GetAddressBytes().Length * 8;
        if (parts.Length == 1)
        {
            return string.Create(CultureInfo.InvariantCulture, $"\"{text}\" is a single address: write \"{text}/{bits}\"");
        }

        if (!int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int prefix) || prefix > bits)
        {
            return string.Create(CultureInfo.InvariantCulture, $"\"{text}\" has no prefix length from 0 to {bits} behind the slash");
        }

        if (address.IsIPv4MappedToIPv6)
        {
            return $"\"{text}\" is an IPv4 network in IPv6 clothes: write it as IPv4";
        }

        IPAddress first = Mask(address, prefix);
        if (!first.Equals(address))
        {
            return string.Create(CultureInfo.InvariantCulture, $"\"{text}\" has bits set behind its prefix: write \"{first}/{prefix}\"");
        }

        value = new IPNetwork(address, prefix);
        return null;
    }

    private static IPAddress Mask(IPAddress address, int prefix)
    {
        byte[] bytes = address.GetAddressBytes();
        for (int i = 0; i < bytes.Length; i++)
        {
            int kept = Math.Clamp(prefix - i * 8, 0, 8);
            bytes[i] &= (byte)(0xff << (8 - kept));
        }

        return new IPAddress(bytes);
    }
}

using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace SmtpBlaster.Options;

/// <summary>HOST:PORT as text, and as the kernel wants it.</summary>
internal static class Target
{
    /// <summary>"name", "name:port", an address, "[address]:port" or ":port" (every address of this machine). Null, or what is wrong. A name is looked up.</summary>
    public static string? Parse(string text, int standardPort, out IPEndPoint target)
    {
        target = new IPEndPoint(IPAddress.Loopback, 0);
        string host = text;
        int port = standardPort;
        int colon = text.LastIndexOf(':');
        bool isAddress = IPAddress.TryParse(text, out IPAddress? address) && (address.AddressFamily == AddressFamily.InterNetwork) == (colon < 0);
        if (!isAddress && colon >= 0)
        {
            host = text[..colon];
            if (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port > 65535)
            {
                return $"\"{text}\" has no port from 0 to 65535 behind its last colon";
            }
        }

        host = host is ['[', .., ']'] ? host[1..^1] : host;
        if (host.Length == 0)
        {
            target = new IPEndPoint(IPAddress.Any, port);
            return null;
        }

        if (IPAddress.TryParse(host, out address))
        {
            target = new IPEndPoint(address, port);
            return null;
        }

        try
        {
            target = new IPEndPoint(Dns.GetHostAddresses(host)[0], port);
            return null;
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return $"\"{host}\" has no address: {e.Message}";
        }
    }

    /// <summary>struct sockaddr.</summary>
    public static byte[] SocketAddress(IPEndPoint endpoint)
    {
        SocketAddress address = endpoint.Serialize();
        return address.Buffer[..address.Size].ToArray();
    }

    public static IPEndPoint FromSocketAddress(ReadOnlySpan<byte> name)
    {
        bool isV4 = name.Length < 28;
        int port = (name[2] << 8) | name[3];
        return new IPEndPoint(isV4 ? new IPAddress(name.Slice(4, 4)) : new IPAddress(name.Slice(8, 16)), port);
    }
}

using System.Net;
using System.Net.Sockets;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// Ports for peers that can't choose their own. Taken below the range from which the kernel takes the ports of outgoing connections, so that nothing but another listener
/// can come between the choice and the use.
/// </summary>
internal static class FreePort
{
    private const int First = 15000;
    private const int Last = 32000;

    /// <summary>A port free for TCP and UDP on every one of the addresses.</summary>
    public static int On(params string[] addresses)
    {
        for (int i = 0; i < 1000; i++)
        {
            int port = Random.Shared.Next(First, Last);
            if (addresses.All(address => IsFree(IPAddress.Parse(address), port)))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"no port is free on all of {string.Join(' ', addresses)}");
    }

    private static bool IsFree(IPAddress address, int port)
    {
        try
        {
            using var tcp = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            tcp.Bind(new IPEndPoint(address, port));
            using var udp = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            udp.Bind(new IPEndPoint(address, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}

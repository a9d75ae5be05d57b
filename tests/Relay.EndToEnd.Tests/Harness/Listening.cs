using System.Net;
using System.Net.NetworkInformation;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>Whether somebody listens on a TCP port, seen from the kernel's table, without a connection that the peer would have to serve.</summary>
internal static class Listening
{
    public static bool On(string address, int port)
    {
        var wanted = new IPEndPoint(IPAddress.Parse(address), port);
        return IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(wanted.Equals);
    }
}

using System.Net;
using System.Net.Sockets;

namespace Relay.Flow.Route;

/// <summary>
/// Where this relay itself would answer: mail sent there would come straight back (RFC 5321 §5.1). The same machine on another port is somebody else.
/// <paramref name="listeners"/> are the end points as bound, not as configured with port 0.
/// </summary>
internal sealed class OwnListeners(IReadOnlyList<IPEndPoint> listeners, Func<IPAddress, bool> isLocalAddress)
{
    public bool Answer(IPAddress address, int port)
    {
        foreach (IPEndPoint listener in listeners)
        {
            if (listener.Port != port)
            {
                continue;
            }

            IPAddress bound = listener.Address.IsIPv4MappedToIPv6 ? listener.Address.MapToIPv4() : listener.Address;
            if (bound.Equals(address))
            {
                return true;
            }

            // A socket bound to :: takes IPv4 too; one bound to 0.0.0.0 takes nothing else.
            bool everywhere = bound.Equals(IPAddress.IPv6Any) || (bound.Equals(IPAddress.Any) && address.AddressFamily == AddressFamily.InterNetwork);
            if (everywhere && isLocalAddress(address))
            {
                return true;
            }
        }

        return false;
    }
}

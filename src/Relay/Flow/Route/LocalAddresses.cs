using System.Net;
using System.Net.NetworkInformation;

namespace Relay.Flow.Route;

/// <summary>
/// Which addresses are this machine's. Asks the system for its interfaces at most once in <see cref="Freshness"/>, so an address that was added meanwhile is seen a
/// little late; a loop through it is then stopped by the count of Received fields. Any thread.
/// </summary>
internal sealed class LocalAddresses(TimeProvider time)
{
    public static readonly TimeSpan Freshness = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private HashSet<IPAddress> _addresses = [];
    private long _readAt;
    private bool _read;

    public bool Contains(IPAddress address)
    {
        if (IPAddress.IsLoopback(address))
        {
            return true;
        }

        lock (_gate)
        {
            if (!_read || time.GetElapsedTime(_readAt) >= Freshness)
            {
                _addresses = Read();
                _readAt = time.GetTimestamp();
                _read = true;
            }

            return _addresses.Contains(address);
        }
    }

    private static HashSet<IPAddress> Read()
    {
        var addresses = new HashSet<IPAddress>();
        foreach (NetworkInterface face in NetworkInterface.GetAllNetworkInterfaces())
        {
            foreach (UnicastIPAddressInformation unicast in face.GetIPProperties().UnicastAddresses)
            {
                addresses.Add(unicast.Address);
            }
        }

        return addresses;
    }
}

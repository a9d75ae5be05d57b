using System.Net;
using System.Net.Sockets;

namespace Relay.Flow;

/// <summary>
/// A face that the relay shows to servers: the addresses from which connections are made, one at least, and the name in EHLO (null: the relay's own). A family without an address isn't used.
/// Equal by value, so that a reload keeps the connections of a source that hasn't changed.
/// </summary>
public sealed record EgressSource(string Name, IPAddress? Ipv4, IPAddress? Ipv6, string? Hostname)
{
    /// <summary>Null: this family isn't used from here.</summary>
    public IPAddress? AddressFor(AddressFamily family) => family == AddressFamily.InterNetworkV6 ? Ipv6 : Ipv4;
}

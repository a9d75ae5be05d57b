using System.Net;
using System.Net.Sockets;

namespace Relay.Flow.Send;

/// <summary>A connection can't be made from an address, whoever it is for: most likely the address isn't this machine's.</summary>
internal sealed class SourceAddressException(IPAddress address, SocketException cause)
    : IOException(cause.SocketErrorCode == SocketError.AddressNotAvailable ? $"{address} is not an address of this machine" : $"{address} can't be used as a source: {cause.Message}", cause);

using System.Net;

namespace Relay.Flow.Send;

/// <summary>The seam through which every outbound connection is opened: sockets, or pipes in a test. Any thread.</summary>
internal interface IDialer
{
    /// <summary>
    /// Connects, from the address <paramref name="from"/> when that is given. Throws SocketException when the other side can't be reached, <see cref="SourceAddressException"/> when it can't be done
    /// from that address, OperationCanceledException when <paramref name="cancel"/> fires first.
    /// </summary>
    ValueTask<Dialed> DialAsync(EndPoint to, IPAddress? from, CancellationToken cancel);
}

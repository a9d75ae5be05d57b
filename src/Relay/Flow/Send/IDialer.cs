using System.Net;

namespace Relay.Flow.Send;

/// <summary>The seam through which every outbound connection is opened: sockets, or pipes in a test. Any thread.</summary>
internal interface IDialer
{
    /// <summary>Connects. Throws SocketException when the other side can't be reached, OperationCanceledException when <paramref name="cancel"/> fires first.</summary>
    ValueTask<Dialed> DialAsync(IPEndPoint to, CancellationToken cancel);
}

using System.Net;

namespace Relay.Flow.Accept;

/// <summary>One address on which clients are served. Changing it needs a restart.</summary>
public sealed record ListenerOptions
{
    /// <summary>Port 0 lets the system choose.</summary>
    public required IPEndPoint EndPoint { get; init; }

    public ListenerRole Role { get; init; } = ListenerRole.Relay;

    public ListenerTls Tls { get; init; } = ListenerTls.StartTls;
}

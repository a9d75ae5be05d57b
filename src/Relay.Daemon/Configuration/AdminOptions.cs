using System.Net;

namespace Relay.Daemon.Configuration;

/// <summary>The HTTP listener for health and metrics. Changing it needs a restart.</summary>
internal sealed record AdminOptions
{
    /// <summary>Port 0 lets the system choose.</summary>
    public IPEndPoint EndPoint { get; init; } = new(IPAddress.Loopback, 8025);
}

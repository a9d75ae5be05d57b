using System.Net;

namespace Relay.Daemon.Configuration;

/// <summary>The HTTP listener for health, metrics and what an operator asks. Changing it needs a restart.</summary>
internal sealed record AdminOptions
{
    /// <summary>Port 0 lets the system choose.</summary>
    public IPEndPoint EndPoint { get; init; } = new(IPAddress.Loopback, 8025);

    /// <summary>The file with the token, made at start when it isn't there.</summary>
    public required string TokenPath { get; init; }
}

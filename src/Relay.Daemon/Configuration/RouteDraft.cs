using Relay.Flow;

namespace Relay.Daemon.Configuration;

/// <summary>A [[route]] in the making.</summary>
internal sealed class RouteDraft
{
    public string? Domain { get; set; }

    public NextHop? NextHop { get; set; }

    public OutboundTls? Tls { get; set; }

    public string? User { get; set; }

    public string? Password { get; set; }

    /// <summary>The name of a source or a pool.</summary>
    public string? Egress { get; set; }
}

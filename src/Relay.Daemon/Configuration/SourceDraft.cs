using System.Net;

namespace Relay.Daemon.Configuration;

/// <summary>A [[source]] in the making.</summary>
internal sealed class SourceDraft
{
    public string? Name { get; set; }

    public IPAddress? Ipv4 { get; set; }

    public IPAddress? Ipv6 { get; set; }

    public string? Hostname { get; set; }
}

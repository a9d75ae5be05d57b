using System.Net;
using Relay.Flow.Accept;

namespace Relay.Daemon.Configuration;

/// <summary>A [[listener]] in the making.</summary>
internal sealed class ListenerDraft
{
    public IPEndPoint? EndPoint { get; set; }

    public ListenerRole Role { get; set; } = ListenerRole.Relay;

    public ListenerTls Tls { get; set; } = ListenerTls.StartTls;

    public IReadOnlyList<IPNetwork> ProxyFrom { get; set; } = [];
}

using System.Net;
using Relay.Flow.Accept;
using Relay.Tls;

namespace Relay.Daemon.Configuration;

/// <summary>A [[listener]] in the making.</summary>
internal sealed class ListenerDraft
{
    public IPEndPoint? EndPoint { get; set; }

    public ListenerRole Role { get; set; } = ListenerRole.Relay;

    public ListenerTls Tls { get; set; } = ListenerTls.StartTls;

    public TlsProfile? Profile { get; set; }

    public ClientCertificateDemand ClientCertificate { get; set; }

    public IReadOnlyList<IPNetwork> ProxyFrom { get; set; } = [];
}

using System.Net;
using Relay.Tls;

namespace Relay.Flow.Accept;

/// <summary>One address on which clients are served. Changing it needs a restart.</summary>
public sealed record ListenerOptions
{
    /// <summary>Port 0 lets the system choose.</summary>
    public required IPEndPoint EndPoint { get; init; }

    public ListenerRole Role { get; init; } = ListenerRole.Relay;

    public ListenerTls Tls { get; init; } = ListenerTls.StartTls;

    /// <summary>Null: as the others have it.</summary>
    public TlsProfile? Profile { get; init; }

    public ClientCertificateDemand ClientCertificate { get; init; }

    /// <summary>Networks of proxies whose connections begin with a PROXY header, which says who the client is. From there a connection without one is closed; from elsewhere nobody is believed.</summary>
    public IReadOnlyList<IPNetwork> ProxyFrom { get; init; } = [];

    // The networks count, not the list that holds them: a listener is found again by its options.
    public bool Equals(ListenerOptions? other) =>
        other is not null && EndPoint.Equals(other.EndPoint) && Role == other.Role && Tls == other.Tls && Profile == other.Profile && ClientCertificate == other.ClientCertificate && ProxyFrom.SequenceEqual(other.ProxyFrom);

    public override int GetHashCode() => HashCode.Combine(EndPoint, Role, Tls, ProxyFrom.Count);
}

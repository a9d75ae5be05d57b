using System.Net;

namespace Relay.Dns;

/// <summary>How names are looked up.</summary>
public sealed record DnsOptions
{
    /// <summary>Asked in this order; empty means the system's resolvers. A resolver on loopback is best: UDP answers from afar can be forged.</summary>
    public IReadOnlyList<IPEndPoint> Servers { get; init; } = [];

    /// <summary>Believe the AD bit of any resolver, not only of one on loopback.</summary>
    public bool TrustAuthenticData { get; init; }

    /// <summary>Look up the name of clients for Received fields and logs.</summary>
    public bool Reverse { get; init; } = true;
}

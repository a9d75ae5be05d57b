namespace Relay.Flow.Route;

/// <summary>The hosts of a route, each with its <see cref="HostTarget.Tls"/>, and what of the demands belongs to the domain. <see cref="Fault"/>: the domain's policy can't be had.</summary>
internal sealed record TlsRoute(TlsDemand Demand, IReadOnlyList<HostTarget> Targets)
{
    public TlsFault Fault { get; init; }

    /// <summary>Nothing may be sent now, whatever the hosts are; null otherwise.</summary>
    public RouteFailure? Failure { get; init; }
}

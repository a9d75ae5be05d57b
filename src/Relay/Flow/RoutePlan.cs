using Relay.Protocol.Smtp;

namespace Relay.Flow;

/// <summary>Where mail for a destination goes: targets in the order in which they are tried, at least one; or the failure that leaves none.</summary>
internal sealed record RoutePlan(IReadOnlyList<HostTarget> Targets, RouteFailure? Failure)
{
    /// <summary>The names of the hosts came by DNSSEC.</summary>
    public bool IsSigned { get; init; }

    public static RoutePlan To(IReadOnlyList<HostTarget> targets) => new(targets, null);

    public static RoutePlan Permanent(ushort subject, ushort detail, string reason) => new([], new RouteFailure(true, new EnhancedStatusCode(5, subject, detail), reason));

    public static RoutePlan Temporary(ushort subject, ushort detail, string reason) => new([], new RouteFailure(false, new EnhancedStatusCode(4, subject, detail), reason));
}

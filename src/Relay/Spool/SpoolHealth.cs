namespace Relay.Spool;

/// <summary>Whether messages can be accepted, and in one line why not; the reason is empty when all is well. Immutable.</summary>
internal sealed record SpoolHealth(SpoolStatus Status, string Reason)
{
    public static readonly SpoolHealth Healthy = new(SpoolStatus.Healthy, string.Empty);
}

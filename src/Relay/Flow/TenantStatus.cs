namespace Relay.Flow;

/// <summary>What waits of a tenant's mail.</summary>
public sealed record TenantStatus
{
    public required string Name { get; init; }

    public int Messages { get; set; }

    /// <summary>Those of them of which an operator holds a recipient.</summary>
    public int OnHold { get; set; }

    public long Octets { get; set; }

    /// <summary>When the oldest of them came.</summary>
    public DateTimeOffset? Oldest { get; set; }

    internal void Add(long octets, DateTimeOffset arrived, bool onHold)
    {
        Messages++;
        OnHold += onHold ? 1 : 0;
        Octets += octets;
        Oldest = arrived < Oldest ? arrived : Oldest ?? arrived;
    }
}

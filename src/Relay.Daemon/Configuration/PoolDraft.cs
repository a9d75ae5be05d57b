namespace Relay.Daemon.Configuration;

/// <summary>A [[pool]] in the making.</summary>
internal sealed class PoolDraft
{
    public string? Name { get; set; }

    public IReadOnlyList<PoolMember> Members { get; set; } = [];
}

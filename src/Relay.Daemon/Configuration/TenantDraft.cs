using Relay.Flow;

namespace Relay.Daemon.Configuration;

/// <summary>A [[tenant]] in the making.</summary>
internal sealed class TenantDraft
{
    /// <summary>All of it but where its mail leaves from.</summary>
    public TenantOptions Options { get; set; } = new();

    /// <summary>The name of a source or a pool.</summary>
    public string? Egress { get; set; }
}

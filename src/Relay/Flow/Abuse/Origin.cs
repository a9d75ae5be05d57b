using System.Net;

namespace Relay.Flow.Abuse;

/// <summary>Where a client comes from, ready to be counted. Made once for a connection.</summary>
internal readonly struct Origin(IPAddress address, Standing standing, bool mayBan)
{
    public IPAddress Address { get; } = address;

    public ClientKey Key { get; } = ClientKey.Address(address);

    public ClientKey Network { get; } = ClientKey.Network(address);

    public Standing Standing { get; } = standing;

    /// <summary>Whether it can be banned and held to rates.</summary>
    public bool MayBan { get; } = mayBan;
}

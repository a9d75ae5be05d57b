namespace Relay.Daemon.Configuration;

/// <summary>A source by its name in a pool, with its weight.</summary>
internal readonly record struct PoolMember(string Source, int Weight);

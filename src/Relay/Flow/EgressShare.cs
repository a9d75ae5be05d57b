namespace Relay.Flow;

/// <summary>A source in a pool, and its part of the pool's connections: its weight (1 at least) over the sum of all.</summary>
public readonly record struct EgressShare(EgressSource Source, int Weight);

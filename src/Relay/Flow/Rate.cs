namespace Relay.Flow;

/// <summary>So many messages (1 or more) in any time of this length (more than none).</summary>
public readonly record struct Rate(int Messages, TimeSpan Per);

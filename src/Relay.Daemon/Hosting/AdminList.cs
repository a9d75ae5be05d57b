namespace Relay.Daemon.Hosting;

/// <summary>A part of a list: the entries that were asked for, and how many there are in all; as of when, where that isn't now.</summary>
internal sealed record AdminList<T>(IReadOnlyList<T> Items, int Total, DateTimeOffset? AsOf = null);

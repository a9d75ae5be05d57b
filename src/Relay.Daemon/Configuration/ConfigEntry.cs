namespace Relay.Daemon.Configuration;

/// <summary>A key in a table, where it stands, and its value.</summary>
internal sealed record ConfigEntry(string Name, Position Position, ConfigNode Value);

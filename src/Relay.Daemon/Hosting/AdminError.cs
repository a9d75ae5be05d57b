namespace Relay.Daemon.Hosting;

/// <summary>What was wrong with a request.</summary>
internal sealed record AdminError(string Error);

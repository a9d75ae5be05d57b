namespace Relay.Daemon.Hosting;

/// <summary>How many bans were lifted.</summary>
internal sealed record AdminLift(int Lifted);

namespace Relay.Daemon.Probe;

/// <summary>One thing that was tried: what was sent, what came back, both cleaned and bounded, and what that means.</summary>
internal sealed record ProbeResult(string Name, string Tried, ProbeVerdict Verdict, string Answer);

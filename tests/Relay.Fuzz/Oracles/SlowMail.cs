namespace Relay.Fuzz.Oracles;

/// <summary>A message that was acknowledged: who it is from, whom it is for, and what was sent of it, an octet to a character.</summary>
internal sealed record SlowMail(string From, string Recipients, string Body);

namespace Relay.Flow.Abuse;

/// <summary>What the DNS lists say of a client. <see cref="Zone"/>: the list that weighs most against it, null when none does; <see cref="Text"/>: why, in that list's own words, printable and short; empty when it says nothing.</summary>
internal sealed record DnsVerdict(int Score, string? Zone, string Text);

namespace Relay.Flow.Abuse;

/// <summary>A ban, for who asks. <see cref="Address"/>: an address, or a network with its prefix length. <see cref="Count"/>: so many of what <see cref="Reason"/> says led to it. <see cref="Bans"/>: how often it was banned, this time included.</summary>
public sealed record BanStatus(string Address, DateTimeOffset Since, DateTimeOffset Until, string Reason, int Count, int Bans);

namespace Relay.Flow;

/// <summary>A change of how many connections a site is thought to bear (0: left alone for a time), and what was seen.</summary>
public sealed record SiteChange(DateTimeOffset Time, int From, int To, string Saw);

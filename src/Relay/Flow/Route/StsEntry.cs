using Relay.Protocol.Policy;

namespace Relay.Flow.Route;

/// <summary>A policy as it is kept: since when, and for which id of the domain's record. <see cref="Policy"/> is null for one whose file can't be read: that there was one is all that is known.</summary>
internal sealed record StsEntry(string Id, DateTimeOffset Fetched, MtaStsPolicy? Policy)
{
    /// <summary>When it may no longer be used.</summary>
    public DateTimeOffset Expires => Policy is null ? DateTimeOffset.MaxValue : Fetched + Policy.MaximumAge;
}

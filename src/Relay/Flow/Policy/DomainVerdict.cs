namespace Relay.Flow.Policy;

/// <summary>What DNS says of a domain of mail.</summary>
internal enum DomainVerdict
{
    /// <summary>Nothing against it; also when DNS can't tell.</summary>
    Fine,

    /// <summary>It takes no mail (RFC 7505 §3).</summary>
    NullMx,

    /// <summary>There is no such name.</summary>
    Missing,
}

namespace Relay.Flow.Abuse;

/// <summary>A list of addresses in DNS (RFC 5782), and what it counts.</summary>
public sealed record DnsListOptions
{
    /// <summary>Below which addresses are looked up.</summary>
    public string Zone { get; init; } = "";

    /// <summary>Added for a client that is listed; below zero for lists of those who are to be let in.</summary>
    public int Weight { get; init; } = 1;

    /// <summary>The answers that count; any in 127.0.0.0/8 when it is empty. Those in 127.255.255.0/24 say that the list refuses to answer, and never count.</summary>
    public IReadOnlyList<DnsListAnswers> Answers { get; init; } = [];

    public bool Equals(DnsListOptions? other) => other is not null && Zone == other.Zone && Weight == other.Weight && Answers.SequenceEqual(other.Answers);

    public override int GetHashCode() => HashCode.Combine(Zone, Weight, Answers.Count);
}

namespace Relay.Flow;

/// <summary>What a site, the hosts to which some domains' mail goes, gets of us, and why not more, as of the moment it was asked.</summary>
public sealed record SiteStatus
{
    /// <summary>Names of the hosts, equal preferences joined by a comma, others by a semicolon; or a configured next hop.</summary>
    public required string Hosts { get; init; }

    /// <summary>What is demanded: none, opportunistic, required, verified, mta-sts, mta-sts-testing, dane or dane-unusable; where hosts differ, all of them.</summary>
    public required string Tls { get; init; }

    /// <summary>The pool or source from which it leaves; null where the system chooses.</summary>
    public string? Egress { get; init; }

    /// <summary>Messages that could go now.</summary>
    public required int Ready { get; init; }

    public required int Connections { get; init; }

    /// <summary>How many connections it is thought to bear, and the most that the configuration allows.</summary>
    public required int Bears { get; init; }

    public required int Ceiling { get; init; }

    /// <summary>What holds its mail back, in a word: suspended, tls_policy, rate, connections, workers; none.</summary>
    public required string Limit { get; init; }

    /// <summary>The same in plain words.</summary>
    public required string Why { get; init; }

    public DateTimeOffset? Until { get; init; }

    /// <summary>The last changes of what it bears, oldest first, each with what was seen.</summary>
    public required IReadOnlyList<SiteChange> Changes { get; init; }
}

using System.Collections.Frozen;
using System.Net;

namespace Relay.Flow.Policy;

/// <summary>Who may send where. Domains and addresses are lower case; the sets compare without regard to case.</summary>
public sealed record AccessOptions
{
    /// <summary>Networks whose clients may send to any domain. The default is this machine alone, so that a fresh install is never an open relay.</summary>
    public IReadOnlyList<IPNetwork> RelayFrom { get; init; } = [new(IPAddress.Parse("127.0.0.0"), 8), new(IPAddress.IPv6Loopback, 128)];

    /// <summary>Networks whose clients are turned away at the greeting.</summary>
    public IReadOnlyList<IPNetwork> Blocked { get; init; } = [];

    /// <summary>Networks of proxies that may say by XCLIENT for whom they speak: they are believed everything, the right to relay included.</summary>
    public IReadOnlyList<IPNetwork> XClientFrom { get; init; } = [];

    /// <summary>Clients that have shown one of these certificates may send to any domain, as those in <see cref="RelayFrom"/>: SHA-256 fingerprints in lower-case hexadecimal.</summary>
    public FrozenSet<string> RelayCertificates { get; init; } = FrozenSet<string>.Empty;

    /// <summary>Domains accepted from anyone, because this relay is their MX.</summary>
    public FrozenSet<string> RelayDomains { get; init; } = FrozenSet<string>.Empty;

    /// <summary>The addresses that exist in <see cref="RelayDomains"/>; null when any local part may exist.</summary>
    public FrozenSet<string>? Recipients { get; init; }

    /// <summary>Whether the domain of a stranger's sender, and of a recipient that a user names, has to exist and to take mail as DNS says (RFC 7505 §4).</summary>
    public bool CheckDomains { get; init; }

    /// <summary>Where mail for &lt;postmaster&gt; without a domain goes (RFC 5321 §4.5.1); null means postmaster at the relay's own name.</summary>
    public string? Postmaster { get; init; }
}

using System.Net;
using Relay.Flow.Policy;

namespace Relay.Flow.Abuse;

/// <summary>What clients may do before they are slowed down, turned away and banned. Reloadable: what has been counted stays, and counts by the new limits.</summary>
public sealed record AbuseOptions
{
    /// <summary>Whether anything is counted, delayed or banned at all. Lists of networks count nevertheless.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Networks to whose clients none of this applies. It gives no right to relay.</summary>
    public IReadOnlyList<IPNetwork> Allow { get; init; } = [];

    /// <summary>More of them, from a file.</summary>
    public NetworkSet AllowedByFile { get; init; } = NetworkSet.Empty;

    /// <summary>Networks that are turned away at the greeting, from a file.</summary>
    public NetworkSet DeniedByFile { get; init; } = NetworkSet.Empty;

    /// <summary>Whether this machine and the networks that may relay can be banned as others can: a slip in one of our own programs would stop all its mail.</summary>
    public bool BanTrusted { get; init; }

    /// <summary>Failed log-ins from one address before it is banned. A person mistypes three times, a program tries a few mechanisms; ten are neither.</summary>
    public Rate Logins { get; init; } = new(10, TimeSpan.FromMinutes(10));

    /// <summary>The longest wait before a password is looked at, after others that were wrong; zero: none.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Recipients that don't exist, asked for from one address, before it is banned. More than an honest list has of stale addresses in that time.</summary>
    public Rate Recipients { get; init; } = new(50, TimeSpan.FromMinutes(10));

    /// <summary>Other refused commands from one address before it is banned.</summary>
    public Rate Commands { get; init; } = new(100, TimeSpan.FromMinutes(10));

    /// <summary>Connections from one address; null: as many as come. Who has more is told to wait, and not banned.</summary>
    public Rate? Connections { get; init; }

    /// <summary>A network (/24, /64) has so many times what one of its addresses has.</summary>
    public int NetworkFactor { get; init; } = 10;

    /// <summary>The first ban; each one after it is twice as long.</summary>
    public TimeSpan Ban { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The longest ban, and for how long after one it is remembered.</summary>
    public TimeSpan LongestBan { get; init; } = TimeSpan.FromDays(1);

    /// <summary>How long strangers wait for the greeting on listeners for servers; who speaks meanwhile is shown out. Zero: not at all.</summary>
    public TimeSpan GreetDelay { get; init; }

    /// <summary>The lists in DNS that are asked about strangers.</summary>
    public IReadOnlyList<DnsListOptions> Lists { get; init; } = [];

    /// <summary>The weights of the lists that have a client add up to so much: then it is refused.</summary>
    public int ListThreshold { get; init; } = 1;

    /// <summary>Who is listed is noted in the log and counted, and not refused.</summary>
    public bool ListsOnlyMark { get; init; }

    /// <summary>Whether the lists are asked on listeners for users too, who may write from addresses that no server should.</summary>
    public bool ListsOnSubmission { get; init; }

    /// <summary>How long RCPT waits for the lists. What hasn't answered by then has nothing against the client.</summary>
    public TimeSpan ListWait { get; init; } = TimeSpan.FromSeconds(3);
}

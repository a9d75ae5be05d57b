using System.Net;

namespace Relay.Flow.Milter;

/// <summary>A program that is asked about mail while it is received. The time-outs are Postfix's.</summary>
public sealed record MilterOptions
{
    public required string Name { get; init; }

    /// <summary>An address and port, a host name and port, or a unix socket.</summary>
    public required EndPoint Address { get; init; }

    /// <summary>For the connection and the negotiation on it.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For the answer to each command.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For the answer to each piece of a message; all of it has twice that time, progress included.</summary>
    public TimeSpan ContentTimeout { get; init; } = TimeSpan.FromMinutes(5);

    public MilterOnFailure OnFailure { get; init; }

    /// <summary>It is asked on listeners of the role relay…</summary>
    public bool ForRelay { get; init; } = true;

    /// <summary>…and of the role submission.</summary>
    public bool ForSubmission { get; init; } = true;

    /// <summary>It isn't asked about clients that may relay for their address.</summary>
    public bool SkipsTrusted { get; init; }

    /// <summary>It isn't asked about the mail of those who have logged in.</summary>
    public bool SkipsAuthenticated { get; init; }
}

using Relay.Telemetry;

namespace Relay.Flow;

/// <summary>
/// Which server an attempt spoke to and how, as the delivery log has it. One instance per connection. <see cref="NextHop"/> is null where nobody was asked, <see cref="Tls"/> in clear.
/// </summary>
internal sealed record HopInfo(NextHopInfo? NextHop, string? Source, TlsInfo? Tls)
{
    /// <summary>Who or what demanded what of TLS, in a word (<see cref="TlsPolicy.Word"/>).</summary>
    public string? Policy { get; init; }

    /// <summary>The server takes over what the sender wants to be told of (DSN, RFC 3461).</summary>
    public bool TakesDsn { get; init; }

    /// <summary>It is a delivery agent (LMTP, RFC 2033): what it takes has arrived.</summary>
    public bool IsFinal { get; init; }
}

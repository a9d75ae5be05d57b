using Relay.Telemetry;

namespace Relay.Flow;

/// <summary>Which server an attempt spoke to and how, as the delivery log has it. One instance per connection. <see cref="Tls"/> is null in clear.</summary>
internal sealed record HopInfo(NextHopInfo NextHop, string? Source, TlsInfo? Tls);

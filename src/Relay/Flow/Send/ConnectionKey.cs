using System.Net;

namespace Relay.Flow.Send;

/// <summary>What two deliveries must have in common to share a connection: anything less, and mail goes out under another's identity or policy.</summary>
internal readonly record struct ConnectionKey(IPAddress Address, int Port, string Host, NextHopScheme Scheme, OutboundTls Tls);

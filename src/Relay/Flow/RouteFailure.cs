using Relay.Protocol.Smtp;

namespace Relay.Flow;

/// <summary>
/// Why there is nowhere to go. <see cref="Reason"/> is one printable ASCII line for logs and reports. Permanent only on what DNS said for certain:
/// trouble with look-ups and with our own configuration is always temporary.
/// </summary>
internal sealed record RouteFailure(bool IsPermanent, EnhancedStatusCode Status, string Reason);

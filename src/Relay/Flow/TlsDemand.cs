using Relay.Protocol.Policy;

namespace Relay.Flow;

/// <summary>
/// What is demanded of TLS for a domain's mail before its hosts have a say: what keeps domains with the same hosts apart. Equal by value.
/// </summary>
/// <param name="Level">By the configuration.</param>
/// <param name="Sts">The domain's MTA-STS policy; null without one.</param>
/// <param name="IsSigned">The hosts' names came by DNSSEC, so that their TLSA records count.</param>
/// <param name="Domain">The domain, where some host's certificate may be for that (RFC 7672 §3.2.2); otherwise null.</param>
internal sealed record TlsDemand(OutboundTls Level, MtaStsPolicy? Sts = null, bool IsSigned = false, string? Domain = null);

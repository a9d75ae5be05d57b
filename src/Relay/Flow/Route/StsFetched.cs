using Relay.Protocol.Policy;

namespace Relay.Flow.Route;

/// <summary>What came of fetching an MTA-STS policy: the policy, or why there is none, as one printable line and as reports on TLS call it.</summary>
internal readonly record struct StsFetched(MtaStsPolicy? Policy, TlsFault Fault = TlsFault.None, string Reason = "");

using Relay.Protocol.Policy;

namespace Relay.Flow.Route;

/// <summary>
/// A domain's MTA-STS policy; null when it has none or has withdrawn it. <see cref="Fault"/>: it says that it has a policy, which can't be had. <see cref="Trouble"/>: nothing may be sent now, since there was a policy
/// that is lost; null otherwise.
/// </summary>
internal readonly record struct StsAnswer(MtaStsPolicy? Policy, TlsFault Fault = TlsFault.None, string? Trouble = null);

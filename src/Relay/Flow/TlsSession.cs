using System.Net;
using Relay.Protocol.Policy;

namespace Relay.Flow;

/// <summary>A try at TLS with a host, for the reports that a domain may want of it (RFC 8460 §4).</summary>
/// <param name="Policy">What was demanded.</param>
/// <param name="Sts">The domain's MTA-STS policy, whether it was what counted or not; null without one.</param>
/// <param name="Host">The exchanger's name; empty where it didn't come to that.</param>
/// <param name="Address">Its address; null where it didn't come to that.</param>
/// <param name="From">Our own address; null where it didn't come to that.</param>
/// <param name="Fault">None: all is well.</param>
/// <param name="Reason">The same in words.</param>
internal readonly record struct TlsSession(TlsPolicy Policy, MtaStsPolicy? Sts, string Host, IPAddress? Address, string? From, TlsFault Fault, string Reason);

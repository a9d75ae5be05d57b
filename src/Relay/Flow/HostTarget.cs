using System.Net;

namespace Relay.Flow;

/// <summary>
/// One address of one host to try. <see cref="Host"/> is the exchanger's name (lower case, A-labels) or, when a literal was given, the address as text;
/// it is the name that a certificate is held against. <see cref="Preference"/> is that of its MX record, lower first; 0 without one.
/// </summary>
internal sealed record HostTarget(string Host, IPAddress Address, int Port, int Preference);

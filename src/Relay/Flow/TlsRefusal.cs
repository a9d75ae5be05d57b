namespace Relay.Flow;

/// <summary>Why a policy allows nothing to be sent to a host, as one printable line, and as reports on TLS call it.</summary>
internal sealed record TlsRefusal(TlsFault Fault, string Reason);

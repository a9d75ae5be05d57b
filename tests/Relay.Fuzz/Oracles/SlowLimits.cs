using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Oracles;

/// <summary>What a client of the relay is told or could find out: the limits by which it is served.</summary>
internal sealed record SlowLimits(string Hostname, Extensions Offered, int Line, long Message, int Recipients, int Errors, int Idle);

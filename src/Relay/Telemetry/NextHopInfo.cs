using System.Net;

namespace Relay.Telemetry;

/// <summary>Where an attempt went, for the delivery log. <see cref="Address"/> is null when no connection came about.</summary>
public readonly record struct NextHopInfo(string Host, IPAddress? Address, int Port);

using System.Net;

namespace Relay.Protocol.Smtp;

/// <summary>
/// What a PROXY header says of the connection behind the proxy. <paramref name="IsLocal"/>: the proxy speaks for itself (a health check). Without addresses the proxy doesn't know or can't
/// say them; in both cases the connection's own addresses count.
/// </summary>
public readonly record struct ProxyInfo(bool IsLocal, IPEndPoint? Source, IPEndPoint? Destination);

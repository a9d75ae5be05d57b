using System.Net;

namespace Relay.Flow.Send;

/// <summary>
/// What two deliveries must have in common to share a connection: anything less, and mail goes out under another's identity or policy. As text it shows no secret.
/// <see cref="Host"/> is the name that a certificate is held against, or the path of a unix socket; <see cref="Source"/> null leaves the address to the system; <see cref="Credentials"/> null doesn't log in.
/// </summary>
internal readonly record struct ConnectionKey(EndPoint EndPoint, string Host, NextHopScheme Scheme, TlsPolicy Tls, EgressSource? Source = null, HopCredentials? Credentials = null)
{
    public ConnectionKey(IPAddress address, int port, string host, NextHopScheme scheme, OutboundTls tls)
        : this(new IPEndPoint(address, port), host, scheme, new TlsPolicy(tls))
    {
    }

    /// <summary>Null for a unix socket.</summary>
    public IPAddress? Address => (EndPoint as IPEndPoint)?.Address;

    /// <summary>0 for a unix socket.</summary>
    public int Port => (EndPoint as IPEndPoint)?.Port ?? 0;

    /// <summary>What is said there stays on this machine.</summary>
    public bool IsLocal => Address is not { } address || IPAddress.IsLoopback(address);
}

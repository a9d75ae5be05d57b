using System.Net;

namespace Relay.Flow;

/// <summary>
/// One address of one host to try: an IPEndPoint, or the UnixDomainSocketEndPoint of a next hop on this machine. <see cref="Host"/> is the exchanger's name (lower case, A-labels) or, when a literal was
/// given, the address as text; it is the name that a certificate is held against. <see cref="Preference"/> is that of its MX record, lower first; 0 without one.
/// </summary>
internal sealed record HostTarget(string Host, EndPoint EndPoint, int Preference)
{
    public HostTarget(string host, IPAddress address, int port, int preference)
        : this(host, new IPEndPoint(address, port), preference)
    {
    }

    /// <summary>
    /// The name that the host has at the end of its aliases, where its name and its addresses came by DNSSEC, so that TLSA records found at either count (RFC 7672 §2.2.2). Null: they didn't.
    /// </summary>
    public string? SignedName { get; init; }

    /// <summary>What is demanded of TLS there. Null until that has been decided, which is before anything is sent.</summary>
    public TlsPolicy? Tls { get; init; }

    /// <summary>Null for a unix socket.</summary>
    public IPAddress? Address => (EndPoint as IPEndPoint)?.Address;

    /// <summary>0 for a unix socket.</summary>
    public int Port => (EndPoint as IPEndPoint)?.Port ?? 0;
}

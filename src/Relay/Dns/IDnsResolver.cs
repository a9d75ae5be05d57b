using System.Net;

namespace Relay.Dns;

/// <summary>
/// The seam through which every name is looked up: real DNS behind a cache, or a script in a test. Names come in lower or upper case, with or without a trailing dot.
/// Never throws for what a server did, and always answers within the resolver's own time limit; a cancelled token throws OperationCanceledException. Any thread.
/// </summary>
public interface IDnsResolver
{
    ValueTask<DnsAnswer<MxRecord>> MxAsync(string domain, CancellationToken cancel);

    /// <summary>A records, CNAMEs followed.</summary>
    ValueTask<DnsAnswer<IPAddress>> Ipv4Async(string host, CancellationToken cancel);

    /// <summary>AAAA records, CNAMEs followed.</summary>
    ValueTask<DnsAnswer<IPAddress>> Ipv6Async(string host, CancellationToken cancel);

    /// <summary>TLSA records (RFC 6698) of a name like _25._tcp.mx.example, CNAMEs followed.</summary>
    ValueTask<DnsAnswer<TlsaRecord>> TlsaAsync(string name, CancellationToken cancel);

    /// <summary>TXT records, the strings of each joined (RFC 7208 §3.3), CNAMEs followed.</summary>
    ValueTask<DnsAnswer<string>> TxtAsync(string name, CancellationToken cancel);

    /// <summary>PTR names of an address.</summary>
    ValueTask<DnsAnswer<string>> PtrAsync(IPAddress address, CancellationToken cancel);
}

using System.Net;
using System.Net.Sockets;

namespace Relay.Dns;

/// <summary>
/// The name of a client's address for Received fields and logs: one that the address claims (PTR) and that claims the address in turn, since anyone can claim any
/// name for an address of theirs. A name, not an authority: nothing may be allowed for it. Any thread.
/// </summary>
internal sealed class ReverseLookup(IDnsResolver dns, TimeProvider time)
{
    /// <summary>The client waits for its greeting meanwhile.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    // Shared hosts have hundreds of names; RFC 1912 §2.1 wants one.
    private const int MaximumNames = 3;

    /// <summary>Null when there is no confirmed name, when it isn't plain enough to stand in a header field, or when the time is over. Throws only when cancelled.</summary>
    public async ValueTask<string?> LookUpAsync(IPAddress address, CancellationToken cancel)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        using var limit = new CancellationTokenSource(Limit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            DnsAnswer<string> names = await dns.PtrAsync(address, both.Token);
            foreach (string name in names.Records.Take(MaximumNames))
            {
                if (DnsName.IsHost(name) && await ConfirmsAsync(name, address, both.Token))
                {
                    return name;
                }
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // Our own limit: a late name is no name.
        }

        return null;
    }

    private async ValueTask<bool> ConfirmsAsync(string name, IPAddress address, CancellationToken cancel)
    {
        DnsAnswer<IPAddress> addresses = address.AddressFamily == AddressFamily.InterNetwork ? await dns.Ipv4Async(name, cancel) : await dns.Ipv6Async(name, cancel);
        foreach (IPAddress one in addresses.Records)
        {
            // By bytes: a link-local client's address has a zone, one from DNS never has.
            if (one.GetAddressBytes().AsSpan().SequenceEqual(address.GetAddressBytes()))
            {
                return true;
            }
        }

        return false;
    }
}

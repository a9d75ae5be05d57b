using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Queue;

/// <summary>
/// Whose mail a message is: the tenant it names, or else the one with the narrowest network that its client is in, or the default one. Immutable, any thread; finding allocates nothing and costs one look-up for each
/// length of prefix that there is, however many networks.
/// </summary>
internal sealed class TenantTable
{
    private readonly TenantOptions[] _tenants;
    private readonly Dictionary<(UInt128 Prefix, int Length), int> _networks = [];

    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _byName;

    /// <summary>The lengths of prefixes, longest first.</summary>
    private readonly int[] _lengths;

    private readonly bool _hasEgress;

    public TenantTable(IReadOnlyList<TenantOptions> tenants)
    {
        _tenants = [tenants.FirstOrDefault(static t => t.Name == TenantOptions.Default) ?? new TenantOptions { Name = TenantOptions.Default }, .. tenants.Where(static t => t.Name != TenantOptions.Default)];
        for (int i = 0; i < _tenants.Length; i++)
        {
            foreach (IPNetwork network in _tenants[i].Networks)
            {
                int length = network.PrefixLength + (network.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? 96 : 0);
                _networks.TryAdd((Number(network.BaseAddress), length), i);
            }
        }

        _byName = _tenants.Select(static (t, i) => (t.Name, i)).ToDictionary(static t => t.Name, static t => t.i, StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        _hasEgress = _tenants.Any(static t => t.Egress is not null);
        _lengths = [.. _networks.Keys.Select(static n => n.Length).Distinct().OrderDescending()];
    }

    /// <summary>The tenant at an index: 0 is the default one.</summary>
    public TenantOptions this[int index] => _tenants[index];

    /// <summary>From where the message's tenant has its mail leave; null when that isn't the tenant's to say: a route says it, or it has no wish.</summary>
    public EgressPool? EgressOf(QueuedMessage message) =>
        _hasEgress && message.Destination.Route?.Egress is null ? _tenants[Find(message.Message)].Egress : null;

    /// <summary>The index of a message's tenant. One that isn't configured any more is none.</summary>
    public int Find(SpooledMessage message)
    {
        ReadOnlySpan<byte> name = message.Envelope.Tenant;
        if (!name.IsEmpty)
        {
            Span<char> text = stackalloc char[Envelope.MaximumTenant];
            if (_byName.TryGetValue(text[..Encoding.UTF8.GetChars(name, text)], out int tenant))
            {
                return tenant;
            }
        }

        return Find(message.Client);
    }

    /// <summary>The index of a client's tenant; 0 for the default one, and for mail that no client sent.</summary>
    public int Find(IPAddress? client)
    {
        if (client is null)
        {
            return 0;
        }

        UInt128 number = Number(client);
        foreach (int length in _lengths)
        {
            UInt128 prefix = length == 0 ? 0 : number & (UInt128.MaxValue << (128 - length));
            if (_networks.TryGetValue((prefix, length), out int tenant))
            {
                return tenant;
            }
        }

        return 0;
    }

    /// <summary>IPv4 as IPv4-mapped (RFC 4291 §2.5.5.2), so that a client is the same either way.</summary>
    private static UInt128 Number(IPAddress address)
    {
        Span<byte> octets = stackalloc byte[16];
        address.TryWriteBytes(octets, out int written);
        return written == 4 ? 0xFFFF_0000_0000UL | BinaryPrimitives.ReadUInt32BigEndian(octets) : BinaryPrimitives.ReadUInt128BigEndian(octets);
    }
}

using Relay.Dns;

namespace Relay.Flow;

/// <summary>
/// The TLSA records of a host that can be used for mail (RFC 7672 §3.1), and the names that a certificate below one of its own authorities may be for. Immutable; equal by value.
/// </summary>
internal sealed class DaneRecords : IEquatable<DaneRecords>
{
    /// <summary>DANE-TA (RFC 7671 §5.2): an authority of the host's own choice.</summary>
    public const byte Authority = 2;

    /// <summary>DANE-EE (RFC 7671 §5.1): the host's own certificate or key.</summary>
    public const byte EndEntity = 3;

    private const byte Full = 0;
    private const byte Sha256 = 1;
    private const byte Sha512 = 2;
    private const byte PublicKey = 1;

    /// <summary>More records cost a handshake more than they can be worth.</summary>
    private const int MaximumRecords = 64;

    private readonly string _text;

    private DaneRecords(TlsaRecord[] records, string[] names)
    {
        Records = records;
        Names = names;
        _text = string.Join(';', [.. records.Select(static r => $"{r.Usage} {r.Selector} {r.MatchingType} {r.Data}"), .. names]);
    }

    public IReadOnlyList<TlsaRecord> Records { get; }

    /// <summary>The TLSA base domain first, which is also the name that the host is asked for in TLS.</summary>
    public IReadOnlyList<string> Names { get; }

    public string BaseDomain => Names[0];

    /// <summary>Some record speaks of an authority, so that names count.</summary>
    public bool HasAuthority => Records.Any(static r => r.Usage == Authority);

    /// <summary>
    /// What of a host's records can be used; null when none can. Others than DANE-TA and DANE-EE can't (RFC 7672 §3.1.3), nor unknown numbers and data that is no hash of its kind; and of hashes of the same
    /// thing only the stronger kind counts (RFC 7671 §9).
    /// </summary>
    /// <param name="records">As they came, in any order.</param>
    /// <param name="baseDomain">Where they were found.</param>
    /// <param name="nextHop">What else a certificate may be for (RFC 7672 §3.2.2): the recipients' domain, or the configured next hop.</param>
    public static DaneRecords? Of(IReadOnlyList<TlsaRecord> records, string baseDomain, string nextHop)
    {
        TlsaRecord[] usable = [.. records.Where(IsUsable).Distinct().OrderBy(static r => (r.Usage, r.Selector, r.MatchingType, r.Data)).Take(MaximumRecords)];
        TlsaRecord[] kept = [.. usable.Where(r => r.MatchingType != Sha256 || !usable.Any(o => o.MatchingType == Sha512 && o.Usage == r.Usage && o.Selector == r.Selector))];
        string[] names = nextHop != baseDomain && kept.Any(static r => r.Usage == Authority) ? [baseDomain, nextHop] : [baseDomain];
        return kept.Length == 0 ? null : new DaneRecords(kept, names);
    }

    public bool Equals(DaneRecords? other) => other is not null && _text == other._text;

    public override bool Equals(object? obj) => Equals(obj as DaneRecords);

    public override int GetHashCode() => _text.GetHashCode(StringComparison.Ordinal);

    private static bool IsUsable(TlsaRecord record) => record.Usage is Authority or EndEntity && record.Selector is Full or PublicKey && record.MatchingType switch
    {
        Full => record.Data.Length > 0,
        Sha256 => record.Data.Length == 2 * 32,
        Sha512 => record.Data.Length == 2 * 64,
        _ => false,
    };
}

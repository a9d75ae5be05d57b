using DnsClient;
using DnsClient.Protocol;

namespace Relay.Dns;

/// <summary>
/// Reads the records that answer a question out of a response, along the CNAMEs in it (RFC 1034 §3.6.2). Only records at the name that was asked for, or at the end of
/// its chain, count. Pure; bounded in what it follows and in what it keeps, whatever the response holds.
/// </summary>
internal static class ResponseReader
{
    /// <summary>Longer chains are a loop or a mistake; resolvers stop at about as many.</summary>
    public const int MaximumAliases = 16;

    /// <summary>No set that mail has a use for is larger, and the cache would keep it.</summary>
    public const int MaximumRecords = 200;

    /// <summary>For a negative answer without the SOA that would say it (RFC 2308 §5: then it should not be kept at all; a flood of mail to one domain says it should).</summary>
    public static readonly TimeSpan UnknownNegativeTtl = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The answer for <paramref name="name"/>. When the response only says of which other name it is an alias, and not what that one has, <paramref name="alias"/> is that
    /// name, still to be asked for, and the answer has only the time to live of the chain.
    /// </summary>
    /// <param name="response">NOERROR or NXDOMAIN.</param>
    /// <param name="name">In normal form.</param>
    /// <param name="isAuthentic">Handed through.</param>
    /// <param name="pick">The value of a record of the wanted type; false for every other record.</param>
    /// <param name="alias">Null when the answer is complete.</param>
    public static DnsAnswer<T> Read<T>(IDnsQueryResponse response, string name, bool isAuthentic, Picker<T> pick, out string? alias)
    {
        alias = null;
        string at = name;
        int ttl = int.MaxValue;
        var records = new List<T>();
        for (int aliases = 0; ; aliases++)
        {
            if (aliases > MaximumAliases)
            {
                return Failed<T>($"{name} has too many aliases");
            }

            string? next = null;
            foreach (DnsResourceRecord record in response.Answers)
            {
                if (record.RecordClass != QueryClass.IN || !Owner(record).Equals(at, StringComparison.OrdinalIgnoreCase))
                {
                    continue;
                }

                if (records.Count < MaximumRecords && pick(record, out T? value))
                {
                    records.Add(value);
                    ttl = Math.Min(ttl, record.InitialTimeToLive);
                }
                else if (record is CNameRecord cname)
                {
                    next = Written(cname.CanonicalName).ToString();
                    ttl = Math.Min(ttl, cname.InitialTimeToLive);
                }
            }

            if (records.Count > 0 || next is null)
            {
                break;
            }

            at = next;
        }

        // RFC 2181 §8: a time to live with the top bit set is zero.
        var kept = TimeSpan.FromSeconds(Math.Max(0, ttl));
        if (response.Header.ResponseCode == DnsHeaderResponseCode.NotExistentDomain)
        {
            // RFC 6604 §3: with aliases, it is the last name that doesn't exist.
            return new DnsAnswer<T>(DnsStatus.NameError, [], isAuthentic, TimeToLive: Least(kept, NegativeTtl(response)));
        }

        if (records.Count > 0)
        {
            return new DnsAnswer<T>(DnsStatus.Found, records, isAuthentic, TimeToLive: kept, Name: at.ToLowerInvariant());
        }

        bool hasSoa = response.Authorities.Any(static record => record is SoaRecord);
        if (at != name && !hasSoa)
        {
            alias = at;
            return new DnsAnswer<T>(DnsStatus.NoData, [], isAuthentic, TimeToLive: kept);
        }

        // RFC 2308 §2.2: servers named in place of an answer are a referral, from a server that doesn't look further for us. It says nothing about the name.
        return !hasSoa && response.Authorities.Any(static record => record is NsRecord)
            ? Failed<T>($"a server referred to others for {name}")
            : new DnsAnswer<T>(DnsStatus.NoData, [], isAuthentic, TimeToLive: Least(kept, NegativeTtl(response)));
    }

    public static DnsAnswer<T> Failed<T>(string reason) => new(DnsStatus.TemporaryFailure, [], Reason: reason);

    /// <summary>A name inside a record, in A-labels, without the trailing dot.</summary>
    public static ReadOnlySpan<char> Written(DnsString name) => name.Value.AsSpan().TrimEnd('.');

    // DnsClient reads the name of a record, as that of a question, by another way than the names inside it: there Original is what came, and Value has U-labels.
    private static ReadOnlySpan<char> Owner(DnsResourceRecord record) => record.DomainName.Original.AsSpan().TrimEnd('.');

    // RFC 2308 §5: the lesser of the SOA's own time to live and its minimum field.
    private static TimeSpan NegativeTtl(IDnsQueryResponse response)
    {
        foreach (DnsResourceRecord record in response.Authorities)
        {
            if (record is SoaRecord soa)
            {
                return TimeSpan.FromSeconds(Math.Min((uint)Math.Max(0, soa.InitialTimeToLive), soa.Minimum));
            }
        }

        return UnknownNegativeTtl;
    }

    private static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;
}

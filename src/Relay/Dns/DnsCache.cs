using System.Net;

namespace Relay.Dns;

/// <summary>
/// Keeps what another resolver answers, for as long as the zones allow within limits of ours; memory is bounded, and each question is out at most once at a time.
/// What is known is answered at once, without a wait. Any thread. Answers within the time limit of the resolver behind it.
/// </summary>
internal sealed class DnsCache : IDnsResolver
{
    /// <summary>Answers of each of the six kinds; some hundred bytes each.</summary>
    public const int DefaultCapacity = 25_000;

    /// <summary>Even a time to live of zero serves the messages of the same burst.</summary>
    public static readonly TimeSpan Minimum = TimeSpan.FromSeconds(1);

    /// <summary>Zones with longer times must still be able to move (RFC 2181 §8 leaves it to us).</summary>
    public static readonly TimeSpan Maximum = TimeSpan.FromDays(1);

    /// <summary>RFC 2308 §5: one to three hours have been found to work well.</summary>
    public static readonly TimeSpan NegativeMaximum = TimeSpan.FromHours(3);

    /// <summary>Long enough that a dead server isn't asked for each message, short enough not to be noticed once it is back (RFC 2308 §7 allows five minutes).</summary>
    public static readonly TimeSpan Failure = TimeSpan.FromSeconds(5);

    private readonly AnswerTable<string, MxRecord> _mx;
    private readonly AnswerTable<string, IPAddress> _ipv4;
    private readonly AnswerTable<string, IPAddress> _ipv6;
    private readonly AnswerTable<string, TlsaRecord> _tlsa;
    private readonly AnswerTable<string, string> _txt;
    private readonly AnswerTable<IPAddress, string> _ptr;

    public DnsCache(IDnsResolver resolver, TimeProvider time, int capacity = DefaultCapacity)
    {
        _mx = new(capacity, time, resolver.MxAsync);
        _ipv4 = new(capacity, time, resolver.Ipv4Async);
        _ipv6 = new(capacity, time, resolver.Ipv6Async);
        _tlsa = new(capacity, time, resolver.TlsaAsync);
        _txt = new(capacity, time, resolver.TxtAsync);
        _ptr = new(capacity, time, resolver.PtrAsync);
    }

    /// <summary>How many answers are held, old ones that nobody has asked for since included.</summary>
    public int Count => _mx.Count + _ipv4.Count + _ipv6.Count + _tlsa.Count + _txt.Count + _ptr.Count;

    public ValueTask<DnsAnswer<MxRecord>> MxAsync(string domain, CancellationToken cancel) => _mx.GetAsync(Key(domain), cancel);

    public ValueTask<DnsAnswer<IPAddress>> Ipv4Async(string host, CancellationToken cancel) => _ipv4.GetAsync(Key(host), cancel);

    public ValueTask<DnsAnswer<IPAddress>> Ipv6Async(string host, CancellationToken cancel) => _ipv6.GetAsync(Key(host), cancel);

    public ValueTask<DnsAnswer<TlsaRecord>> TlsaAsync(string name, CancellationToken cancel) => _tlsa.GetAsync(Key(name), cancel);

    public ValueTask<DnsAnswer<string>> TxtAsync(string name, CancellationToken cancel) => _txt.GetAsync(Key(name), cancel);

    public ValueTask<DnsAnswer<string>> PtrAsync(IPAddress address, CancellationToken cancel) =>
        _ptr.GetAsync(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, cancel);

    internal static TimeSpan KeepFor(DnsStatus status, TimeSpan timeToLive)
    {
        if (status == DnsStatus.TemporaryFailure)
        {
            return Failure;
        }

        TimeSpan maximum = status == DnsStatus.Found ? Maximum : NegativeMaximum;
        return timeToLive < Minimum ? Minimum : timeToLive > maximum ? maximum : timeToLive;
    }

    // What is no name stays itself, for the resolver to say so.
    private static string Key(string name) => DnsName.TryNormalize(name, out string? normal) ? normal : name;
}

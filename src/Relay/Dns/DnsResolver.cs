using System.Diagnostics.CodeAnalysis;
using System.Net;
using DnsClient;
using Wire = DnsClient.Protocol;

namespace Relay.Dns;

/// <summary>
/// Real DNS, uncached: put a <see cref="DnsCache"/> before it. Names are absolute, never completed with suffixes. Each question takes at most <see cref="TotalLimit"/>;
/// questions under way are limited in number too, since each holds a socket, and those about clients' addresses, which anyone can cause, have a smaller limit of their
/// own. Never throws for what servers do, except OperationCanceledException when the caller's token says so. Any thread.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A SemaphoreSlim whose wait handle nobody takes holds nothing to dispose of.")]
internal sealed class DnsResolver(DnsOptions options, TimeProvider time) : IDnsResolver
{
    /// <summary>For one try of one server, TCP included.</summary>
    public static readonly TimeSpan TryLimit = TimeSpan.FromSeconds(5);

    /// <summary>For one question, with all tries, aliases, and the wait for a turn.</summary>
    public static readonly TimeSpan TotalLimit = TimeSpan.FromSeconds(15);

    // A chain that a server answers link by link; each link is a question.
    private const int MaximumQuestions = 8;

    private const int ForwardTurns = 512;
    private const int ReverseTurns = 128;

    private readonly NameServers _servers = new(options, time, TryLimit);
    private readonly SemaphoreSlim _forward = new(ForwardTurns);
    private readonly SemaphoreSlim _reverse = new(ReverseTurns);

    public ValueTask<DnsAnswer<MxRecord>> MxAsync(string domain, CancellationToken cancel) =>
        AskAsync<MxRecord>(domain, QueryType.MX, _forward, PickMx, cancel);

    public ValueTask<DnsAnswer<IPAddress>> Ipv4Async(string host, CancellationToken cancel) =>
        AskAsync<IPAddress>(host, QueryType.A, _forward, PickA, cancel);

    public ValueTask<DnsAnswer<IPAddress>> Ipv6Async(string host, CancellationToken cancel) =>
        AskAsync<IPAddress>(host, QueryType.AAAA, _forward, PickAaaa, cancel);

    public ValueTask<DnsAnswer<TlsaRecord>> TlsaAsync(string name, CancellationToken cancel) =>
        AskAsync<TlsaRecord>(name, QueryType.TLSA, _forward, PickTlsa, cancel);

    public ValueTask<DnsAnswer<string>> TxtAsync(string name, CancellationToken cancel) =>
        AskAsync<string>(name, QueryType.TXT, _forward, PickTxt, cancel);

    public ValueTask<DnsAnswer<string>> PtrAsync(IPAddress address, CancellationToken cancel) =>
        AskAsync<string>((address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).GetArpaName(), QueryType.PTR, _reverse, PickPtr, cancel);

    private async ValueTask<DnsAnswer<T>> AskAsync<T>(string text, QueryType type, SemaphoreSlim turns, Picker<T> pick, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        if (!DnsName.TryNormalize(text, out string? name))
        {
            // What can't be written in a question can't be there.
            return new DnsAnswer<T>(DnsStatus.NameError, [], Reason: "not a domain name", TimeToLive: ResponseReader.UnknownNegativeTtl);
        }

        using var total = new CancellationTokenSource(TotalLimit, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(total.Token, cancel);
        try
        {
            await turns.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return ResponseReader.Failed<T>("too many look-ups at once");
        }

        try
        {
            DnsAnswer<T> answer = await FollowAsync(name, type, pick, limit.Token);
            if (answer.Status == DnsStatus.TemporaryFailure)
            {
                cancel.ThrowIfCancellationRequested();
            }

            return answer;
        }
        finally
        {
            turns.Release();
        }
    }

    private async Task<DnsAnswer<T>> FollowAsync<T>(string name, QueryType type, Picker<T> pick, CancellationToken limit)
    {
        bool isAuthentic = true;
        TimeSpan ttl = TimeSpan.MaxValue;
        for (int asked = 0; asked < MaximumQuestions; asked++)
        {
            ServerAnswer said = await _servers.AskAsync(name, type, limit);
            if (said.Response is null)
            {
                return ResponseReader.Failed<T>(said.Reason);
            }

            isAuthentic &= said.IsAuthentic;
            DnsAnswer<T> answer = ResponseReader.Read(said.Response, name, isAuthentic, pick, out string? alias);
            ttl = answer.TimeToLive < ttl ? answer.TimeToLive : ttl;
            if (alias is null)
            {
                return answer with { TimeToLive = ttl };
            }

            if (!DnsName.TryNormalize(alias, out string? next))
            {
                return new DnsAnswer<T>(DnsStatus.NameError, [], Reason: "an alias for what is not a domain name", TimeToLive: ttl);
            }

            name = next;
        }

        return ResponseReader.Failed<T>($"too many aliases before {name}");
    }

    private static bool PickMx(Wire.DnsResourceRecord record, out MxRecord value)
    {
        bool isMx = record is Wire.MxRecord;
        value = record is Wire.MxRecord mx ? new MxRecord(mx.Preference, Text(mx.Exchange)) : default;
        return isMx;
    }

    private static bool PickA(Wire.DnsResourceRecord record, [MaybeNullWhen(false)] out IPAddress value)
    {
        value = (record as Wire.ARecord)?.Address;
        return value is not null;
    }

    private static bool PickAaaa(Wire.DnsResourceRecord record, [MaybeNullWhen(false)] out IPAddress value)
    {
        value = (record as Wire.AaaaRecord)?.Address;
        return value is not null;
    }

    private static bool PickTlsa(Wire.DnsResourceRecord record, out TlsaRecord value)
    {
        value = record is Wire.TlsaRecord tlsa
            ? new TlsaRecord((byte)tlsa.CertificateUsage, (byte)tlsa.Selector, (byte)tlsa.MatchingType, Convert.ToHexString([.. tlsa.CertificateAssociationData]))
            : default;
        return record is Wire.TlsaRecord;
    }

    private static bool PickTxt(Wire.DnsResourceRecord record, [MaybeNullWhen(false)] out string value)
    {
        value = record is Wire.TxtRecord txt ? string.Concat(txt.Text) : null;
        return value is not null;
    }

    private static bool PickPtr(Wire.DnsResourceRecord record, [MaybeNullWhen(false)] out string value)
    {
        value = record is Wire.PtrRecord ptr ? Text(ptr.PtrDomainName) : null;
        return value is not null;
    }

    // As DnsClient writes it: octets that aren't printable ASCII come as \DDD, so that no answer can bring a control character in.
    private static string Text(DnsString name) => ResponseReader.Written(name).ToString().ToLowerInvariant();
}

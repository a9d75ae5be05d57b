using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Relay.Dns;

namespace Relay.Tests.Dns;

/// <summary>
/// DNS from a script. A name that stands nowhere in it doesn't exist; one that stands there without a record of the type has no data. Names are compared without case
/// and trailing dot. Counts what it is asked, and can hold answers back.
/// </summary>
internal sealed class ScriptedResolver : IDnsResolver
{
    private readonly ConcurrentDictionary<string, object> _answers = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, bool> _names = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, int> _asked = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _held = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, bool> _unsigned = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Answers are authentic (AD), but for names below those of <see cref="Unsigned"/>.</summary>
    public bool IsSigned { get; set; }

    /// <summary>The time to live of what is scripted from now on.</summary>
    public TimeSpan TimeToLive { get; set; } = TimeSpan.FromHours(1);

    /// <summary>MX records, exchangers in lower case as the contract says; "." is the root of a null MX.</summary>
    public ScriptedResolver Mx(string domain, params (int Preference, string Exchange)[] records) =>
        Set("MX", domain, Found(records.Select(r => new MxRecord((ushort)r.Preference, r.Exchange.TrimEnd('.').ToLowerInvariant()))));

    /// <summary>A and AAAA records, each type with those of its family; none at all makes a name without data.</summary>
    public ScriptedResolver Host(string name, params string[] addresses)
    {
        _names[name] = true;
        IPAddress[] parsed = [.. addresses.Select(IPAddress.Parse)];
        foreach ((string type, AddressFamily family) in new[] { ("A", AddressFamily.InterNetwork), ("AAAA", AddressFamily.InterNetworkV6) })
        {
            IPAddress[] ofFamily = [.. parsed.Where(a => a.AddressFamily == family)];
            if (ofFamily.Length > 0)
            {
                Set(type, name, Found(ofFamily));
            }
            else
            {
                _answers.TryRemove($"{type} {name}", out _);
            }
        }

        return this;
    }

    /// <summary>An IPv4 address at the end of an alias.</summary>
    public ScriptedResolver Alias(string name, string end, string address) => Set("A", name, Found<IPAddress>([IPAddress.Parse(address)]) with { Name = end });

    public ScriptedResolver Ptr(string address, params string[] names) => Set("PTR", address, Found(names));

    /// <summary>TLSA records, each as "3 1 1 data".</summary>
    public ScriptedResolver Tlsa(string name, params string[] records) => Set("TLSA", name, Found(records.Select(static r =>
    {
        string[] words = r.Split(' ');
        return new TlsaRecord(byte.Parse(words[0], CultureInfo.InvariantCulture), byte.Parse(words[1], CultureInfo.InvariantCulture), byte.Parse(words[2], CultureInfo.InvariantCulture), words[3].ToUpperInvariant());
    })));

    public ScriptedResolver Txt(string name, params string[] records) => Set("TXT", name, Found(records));

    /// <summary>Names below it aren't signed, whatever <see cref="IsSigned"/> says.</summary>
    public ScriptedResolver Unsigned(string name)
    {
        _unsigned[name] = true;
        return this;
    }

    /// <summary>A temporary failure for <paramref name="type"/>: "MX", "A", "AAAA", "TLSA", "TXT", "PTR".</summary>
    public ScriptedResolver Fails(string type, string name, string reason = "scripted trouble") => type switch
    {
        "MX" => Set(type, name, new DnsAnswer<MxRecord>(DnsStatus.TemporaryFailure, [], Reason: reason)),
        "TLSA" => Set(type, name, new DnsAnswer<TlsaRecord>(DnsStatus.TemporaryFailure, [], Reason: reason)),
        "TXT" => Set(type, name, new DnsAnswer<string>(DnsStatus.TemporaryFailure, [], Reason: reason)),
        "PTR" => Set(type, name, new DnsAnswer<string>(DnsStatus.TemporaryFailure, [], Reason: reason)),
        _ => Set(type, name, new DnsAnswer<IPAddress>(DnsStatus.TemporaryFailure, [], Reason: reason)),
    };

    /// <summary>Answers to this question wait until the source is completed.</summary>
    public TaskCompletionSource Hold(string type, string name) =>
        _held.GetOrAdd($"{type} {name}", _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>How often the question was asked.</summary>
    public int Asked(string type, string name) => _asked.GetValueOrDefault($"{type} {name}");

    public int AskedInAll => _asked.Values.Sum();

    public ValueTask<DnsAnswer<MxRecord>> MxAsync(string domain, CancellationToken cancel) => AnswerAsync<MxRecord>("MX", domain, cancel);

    public ValueTask<DnsAnswer<IPAddress>> Ipv4Async(string host, CancellationToken cancel) => AnswerAsync<IPAddress>("A", host, cancel);

    public ValueTask<DnsAnswer<IPAddress>> Ipv6Async(string host, CancellationToken cancel) => AnswerAsync<IPAddress>("AAAA", host, cancel);

    public ValueTask<DnsAnswer<TlsaRecord>> TlsaAsync(string name, CancellationToken cancel) => AnswerAsync<TlsaRecord>("TLSA", name, cancel);

    public ValueTask<DnsAnswer<string>> TxtAsync(string name, CancellationToken cancel) => AnswerAsync<string>("TXT", name, cancel);

    public ValueTask<DnsAnswer<string>> PtrAsync(IPAddress address, CancellationToken cancel) => AnswerAsync<string>("PTR", address.ToString(), cancel);

    private async ValueTask<DnsAnswer<T>> AnswerAsync<T>(string type, string name, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        name = name.TrimEnd('.');
        string question = string.Create(CultureInfo.InvariantCulture, $"{type} {name}");
        _asked.AddOrUpdate(question, 1, static (_, n) => n + 1);
        if (_held.TryGetValue(question, out TaskCompletionSource? held))
        {
            await held.Task.WaitAsync(cancel);
        }

        bool isAuthentic = IsSigned && !_unsigned.Keys.Any(zone => name.Equals(zone, StringComparison.OrdinalIgnoreCase) || name.EndsWith("." + zone, StringComparison.OrdinalIgnoreCase));
        return _answers.TryGetValue(question, out object? answer)
            ? (DnsAnswer<T>)answer with { Authentic = isAuthentic, Name = ((DnsAnswer<T>)answer).Name.Length > 0 ? ((DnsAnswer<T>)answer).Name : name.ToLowerInvariant() }
            : new DnsAnswer<T>(_names.ContainsKey(name) ? DnsStatus.NoData : DnsStatus.NameError, [], isAuthentic, TimeToLive: TimeToLive);
    }

    private ScriptedResolver Set(string type, string name, object answer)
    {
        _names[name] = true;
        _answers[$"{type} {name}"] = answer;
        return this;
    }

    private DnsAnswer<T> Found<T>(IEnumerable<T> records) => new(DnsStatus.Found, [.. records], TimeToLive: TimeToLive);
}

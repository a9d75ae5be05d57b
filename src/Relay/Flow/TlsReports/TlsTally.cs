using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Relay.Dns;
using Relay.Protocol.Policy;
using Relay.Telemetry;

namespace Relay.Flow.TlsReports;

/// <summary>
/// Counts tries at TLS by the recipients' domain and the day in UTC (RFC 8460 §4), in memory and, as of the last <see cref="SaveAsync"/>, in one file a day. Bounded: of domains, policies and kinds of failure beyond,
/// the sums at most are kept. Any thread.
/// </summary>
/// <param name="folder">Made when there is something to keep; null keeps nothing over restarts.</param>
/// <param name="time">Whose days count.</param>
/// <param name="log">Told of files that can't be read or written.</param>
internal sealed class TlsTally(string? folder, TimeProvider time, ILogger log)
{
    private const int MaximumDomains = 20_000;
    private const int MaximumPolicies = 10;
    private const int MaximumFailures = 100;
    private const string DayForm = "yyyy-MM-dd";

    private readonly Lock _gate = new();
    private readonly SortedDictionary<DateOnly, Dictionary<string, TlsReportDomain>> _days = [];
    private readonly HashSet<DateOnly> _changed = [];

    /// <summary>For a recipients' domain as it stands in addresses; what is no name in DNS has nobody to tell.</summary>
    public void Add(string address, in TlsSession session)
    {
        if (!DnsName.TryNormalize(address, out string? domain) || !DnsName.IsHost(domain))
        {
            return;
        }

        var day = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        TlsReportedPolicy policy = PolicyOf(domain, session);
        lock (_gate)
        {
            if (!_days.TryGetValue(day, out Dictionary<string, TlsReportDomain>? domains))
            {
                _days[day] = domains = new Dictionary<string, TlsReportDomain>(StringComparer.Ordinal);
            }

            if (!domains.TryGetValue(domain, out TlsReportDomain? own))
            {
                if (domains.Count >= MaximumDomains)
                {
                    return;
                }

                domains[domain] = own = new TlsReportDomain();
            }

            TlsReportEntry? entry = own.Policies.Find(e => IsSame(e.Policy, policy));
            if (entry is null)
            {
                if (own.Policies.Count >= MaximumPolicies)
                {
                    return;
                }

                own.Policies.Add(entry = new TlsReportEntry { Policy = policy });
            }

            _changed.Add(day);
            if (session.Fault == TlsFault.None)
            {
                entry.Summary.Successful++;
                return;
            }

            entry.Summary.Failed++;
            Count(entry.FailureDetails, session);
        }
    }

    /// <summary>What there is of a day that is over, to be told; the lists are the tally's own, which no longer change but by <see cref="Told"/> and <see cref="Drop"/>.</summary>
    public IReadOnlyList<(DateOnly Day, string Domain, TlsReportDomain Report)> Over()
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        lock (_gate)
        {
            return [.. _days.Where(d => d.Key < today).SelectMany(static d => d.Value.Select(r => (d.Key, r.Key, r.Value)))];
        }
    }

    /// <summary>A place has been told of a domain's day.</summary>
    public void Told(DateOnly day, TlsReportDomain report, string place)
    {
        lock (_gate)
        {
            report.Told.Add(place);
            _changed.Add(day);
        }
    }

    /// <summary>There is nobody left to tell of a domain's day.</summary>
    public void Drop(DateOnly day, string domain)
    {
        lock (_gate)
        {
            if (_days.TryGetValue(day, out Dictionary<string, TlsReportDomain>? domains) && domains.Remove(domain))
            {
                _changed.Add(day);
            }
        }
    }

    /// <summary>Reads what was kept. What makes no sense is left out, and said.</summary>
    public void Load()
    {
        if (folder is null || !Directory.Exists(folder))
        {
            return;
        }

        foreach (string path in Directory.EnumerateFiles(folder, "*.json"))
        {
            try
            {
                if (DateOnly.TryParseExact(Path.GetFileNameWithoutExtension(path), DayForm, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day)
                    && JsonSerializer.Deserialize(File.ReadAllText(path), TlsReportJson.Default.DictionaryStringTlsReportDomain) is { } domains)
                {
                    lock (_gate)
                    {
                        _days[day] = domains;
                    }
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
            {
                RouteLog.TallyNotRead(log, path, e.Message);
            }
        }
    }

    /// <summary>Writes what has changed since the last time.</summary>
    public async Task SaveAsync()
    {
        var texts = new List<(string Path, byte[]? Text)>();
        lock (_gate)
        {
            foreach (DateOnly day in _changed)
            {
                Dictionary<string, TlsReportDomain> domains = _days[day];
                if (domains.Count == 0)
                {
                    _days.Remove(day);
                }

                if (folder is not null)
                {
                    string path = Path.Combine(folder, day.ToString(DayForm, CultureInfo.InvariantCulture) + ".json");
                    texts.Add((path, domains.Count == 0 ? null : JsonSerializer.SerializeToUtf8Bytes(domains, TlsReportJson.Default.DictionaryStringTlsReportDomain)));
                }
            }

            _changed.Clear();
        }

        foreach ((string path, byte[]? text) in texts)
        {
            try
            {
                if (text is not null)
                {
                    await StateFile.ReplaceAsync(path, text).ConfigureAwait(false);
                }
                else if (File.Exists(path))
                {
                    File.Delete(path);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It counts on; the next change tries again.
                RouteLog.TallyNotKept(log, path, e.Message);
            }
        }
    }

    /// <summary>RFC 8460 §4.3.</summary>
    private static string WordOf(TlsFault fault) => fault switch
    {
        TlsFault.StartTlsNotSupported => "starttls-not-supported",
        TlsFault.CertificateHostMismatch => "certificate-host-mismatch",
        TlsFault.CertificateExpired => "certificate-expired",
        TlsFault.CertificateNotTrusted => "certificate-not-trusted",
        TlsFault.TlsaInvalid => "tlsa-invalid",
        TlsFault.DnssecInvalid => "dnssec-invalid",
        TlsFault.StsPolicyFetchError => "sts-policy-fetch-error",
        TlsFault.StsPolicyInvalid => "sts-policy-invalid",
        TlsFault.StsWebPkiInvalid => "sts-webpki-invalid",
        _ => "validation-failure",
    };

    private static void Count(List<TlsReportFailure> failures, in TlsSession session)
    {
        string type = WordOf(session.Fault);
        string? host = session.Host.Length == 0 ? null : session.Host;
        string? address = session.Address?.ToString();
        foreach (TlsReportFailure failure in failures)
        {
            if (failure.ResultType == type && failure.ReceivingMxHostname == host && failure.ReceivingIp == address && failure.SendingMtaIp == session.From)
            {
                failure.Count++;
                return;
            }
        }

        if (failures.Count < MaximumFailures)
        {
            failures.Add(new TlsReportFailure
            {
                ResultType = type,
                SendingMtaIp = session.From,
                ReceivingMxHostname = host,
                ReceivingIp = address,
                FailureReasonCode = session.Reason.Length == 0 ? null : session.Reason,
                Count = 1,
            });
        }
    }

    private static TlsReportedPolicy PolicyOf(string domain, in TlsSession session) => session.Policy.Kind switch
    {
        TlsPolicyKind.Dane or TlsPolicyKind.DaneUnusable => new TlsReportedPolicy("tlsa", [.. session.Policy.Dane?.Records.Select(static r => $"{r.Usage} {r.Selector} {r.MatchingType} {r.Data}") ?? []], domain, null),
        TlsPolicyKind.MtaSts or TlsPolicyKind.MtaStsTesting => new TlsReportedPolicy("sts", Lines(session.Sts), domain, session.Sts?.Hosts),
        _ => new TlsReportedPolicy("no-policy-found", null, domain, null),
    };

    private static string[] Lines(MtaStsPolicy? policy) => policy?.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries) ?? [];

    private static bool IsSame(TlsReportedPolicy a, TlsReportedPolicy b) => a.PolicyType == b.PolicyType && (a.PolicyString ?? []).SequenceEqual(b.PolicyString ?? []);
}

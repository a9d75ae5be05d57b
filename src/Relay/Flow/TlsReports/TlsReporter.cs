using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Relay.Dkim;
using Relay.Dns;
using Relay.Flow.Queue;
using Relay.Protocol.Policy;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Telemetry;

namespace Relay.Flow.TlsReports;

/// <summary>
/// Tells domains that want it what came of TLS with their hosts, once for each day that is over (RFC 8460 §4.1, §5): by mail, which is queued like any other, or by HTTPS. What can't be told is tried again for a day. One
/// loop of its own, from <see cref="RunAsync"/>; <see cref="Apply"/> on any thread.
/// </summary>
internal sealed class TlsReporter
{
    /// <summary>How often counts are written down, and what is due is looked for.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>RFC 8460 §4.1 asks not to send at midnight sharp; RFC 8460 §5.4 not to insist for longer than a day.</summary>
    private static readonly TimeSpan MostDelay = TimeSpan.FromHours(4);

    private static readonly TimeSpan Patience = TimeSpan.FromHours(24);

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMinutes(30);

    private static readonly TimeSpan PostLimit = TimeSpan.FromMinutes(1);

    private readonly TlsTally _tally;
    private readonly MessageSpool _spool;
    private readonly MessageQueue _queue;
    private readonly MessageSigner _signer;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly TimeSpan _delay;
    private readonly DateOnly _started;
    private volatile Settings _settings;
    private DateTimeOffset _next;

    public TlsReporter(TlsTally tally, MessageSpool spool, MessageQueue queue, MessageSigner signer, TimeProvider time, Random random, ILogger log, EngineOptions options, IDnsResolver dns, HttpsClient https)
    {
        _tally = tally;
        _spool = spool;
        _queue = queue;
        _signer = signer;
        _time = time;
        _log = log;
        _delay = MostDelay * random.NextDouble();
        // What is left from before is late already.
        _started = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        _settings = new Settings(options, dns, https);
    }

    /// <summary>Null: nothing is to be counted.</summary>
    public TlsTally? Tally => _settings.Options.TlsReports.Contact is null ? null : _tally;

    public void Apply(EngineOptions options, IDnsResolver dns, HttpsClient https) => _settings = new Settings(options, dns, https);

    /// <summary>Until the token is cancelled; then what was counted is written down.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, _time);
        try
        {
            do
            {
                if (_settings.Options.TlsReports.Contact is not null && _time.GetUtcNow() >= _next)
                {
                    await TellAsync(_settings, stop).ConfigureAwait(false);
                }

                await _tally.SaveAsync().ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await _tally.SaveAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // A bug: mail goes on without.
            RouteLog.ReportsEnded(_log, e);
        }
    }

    private async Task TellAsync(Settings settings, CancellationToken stop)
    {
        bool isAllTold = true;
        foreach ((DateOnly day, string domain, TlsReportDomain report) in _tally.Over())
        {
            stop.ThrowIfCancellationRequested();
            var end = new DateTimeOffset(day.AddDays(1).ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
            TimeSpan age = _time.GetUtcNow() - end;
            if (age < _delay && day >= _started)
            {
                continue;
            }

            if (age > MostDelay + Patience || await TellAsync(settings, day, domain, report, stop).ConfigureAwait(false))
            {
                _tally.Drop(day, domain);
            }
            else
            {
                isAllTold = false;
            }
        }

        // Those that failed wait; a new day isn't over before that.
        _next = isAllTold ? default : _time.GetUtcNow() + RetryAfter;
    }

    /// <summary>True: everybody who wants to know has been told, if anybody does.</summary>
    private async Task<bool> TellAsync(Settings settings, DateOnly day, string domain, TlsReportDomain report, CancellationToken stop)
    {
        DnsAnswer<string> records = await settings.Dns.TxtAsync("_smtp._tls." + domain, stop).ConfigureAwait(false);
        if (records.Status == DnsStatus.TemporaryFailure)
        {
            return false;
        }

        if (records.Status != DnsStatus.Found || !TlsRptRecord.TryFind(records.Records, out IReadOnlyList<Uri>? places))
        {
            return true;
        }

        TlsReport text = Compose(settings.Options, day, domain, report);
        byte[] gzip = Pack(text);
        bool isAllTold = true;
        foreach (Uri place in places.Where(p => !report.Told.Contains(p.OriginalString) && (p.Scheme == Uri.UriSchemeHttps || MailboxOf(p) is not null)))
        {
            string? failure = place.Scheme == Uri.UriSchemeHttps
                ? await PostAsync(settings.Https, place, gzip).ConfigureAwait(false)
                : await MailAsync(settings.Options, text, domain, place, gzip).ConfigureAwait(false);
            if (failure is null)
            {
                _tally.Told(day, report, place.OriginalString);
                RouteLog.Reported(_log, domain, LogText.Clean(place.OriginalString));
            }
            else
            {
                RouteLog.NotReported(_log, domain, LogText.Clean(place.OriginalString), LogText.Clean(failure));
                isAllTold = false;
            }
        }

        return isAllTold;
    }

    private static TlsReport Compose(EngineOptions options, DateOnly day, string domain, TlsReportDomain report)
    {
        var start = new DateTimeOffset(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
        // The same when it is sent again, so that nobody counts it twice.
        string id = string.Create(CultureInfo.InvariantCulture, $"{day:yyyyMMdd}.{domain}@{options.Hostname}");
        return new TlsReport(
            options.TlsReports.Organization ?? options.Hostname, new TlsReportPeriod(start, start.AddDays(1).AddSeconds(-1)), options.TlsReports.Contact!, id, report.Policies);
    }

    private static byte[] Pack(TlsReport report)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            JsonSerializer.Serialize(gzip, report, TlsReportJson.Default.TlsReport);
        }

        return packed.ToArray();
    }

    /// <summary>RFC 8460 §5.4. Null, or why it failed.</summary>
    private static async Task<string?> PostAsync(HttpsClient https, Uri place, byte[] gzip)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, place) { Content = new ByteArrayContent(gzip) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/tlsrpt+gzip");
        try
        {
            HttpsAnswer answer = await https.SendAsync(request, 0, PostLimit).ConfigureAwait(false);
            return answer.Status is >= HttpStatusCode.OK and < HttpStatusCode.MultipleChoices ? null : string.Create(CultureInfo.InvariantCulture, $"it answered {(int)answer.Status}");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            return (e.InnerException ?? e).Message;
        }
    }

    /// <summary>Null for what is no mailbox, and will be none tomorrow.</summary>
    private static string? MailboxOf(Uri place)
    {
        string address = Uri.UnescapeDataString(place.OriginalString["mailto:".Length..].Split('?')[0]);
        return Mailbox.TryParse(Encoding.UTF8.GetBytes(address), out _) ? address : null;
    }

    /// <summary>RFC 8460 §5.3. Null, or why it failed.</summary>
    private async Task<string?> MailAsync(EngineOptions options, TlsReport report, string domain, Uri place, byte[] gzip)
    {
        string to = MailboxOf(place)!;
        using SpoolTransaction message = _spool.Begin(mayUseReserve: false);
        DateTimeOffset now = _time.GetUtcNow();
        MessageSigning? signing = _signer.Begin(message);
        try
        {
            TlsReportMail.Write(signing is null ? message : signing, report, domain, options.Hostname, to, now, gzip);
            if (signing is not null)
            {
                message.Prepend(signing.Sign(now));
            }
        }
        finally
        {
            if (signing is not null)
            {
                _signer.Return(signing);
            }
        }

        await message.FlushAsync().ConfigureAwait(false);
        var envelope = new EnvelopeBuilder();
        envelope.Begin(Encoding.UTF8.GetBytes(options.TlsReports.Contact!), BodyType.Unspecified, EnvelopeFlags.None);
        envelope.TryAdd(Encoding.UTF8.GetBytes(to));
        CommitResult commit = await message.CommitAsync(envelope.Build(), now, null).ConfigureAwait(false);
        if (commit.Message is { } stored && !commit.IsParked)
        {
            _queue.Enqueue(stored);
        }

        return commit.Message is null ? "the report could not be stored" : null;
    }

    private sealed record Settings(EngineOptions Options, IDnsResolver Dns, HttpsClient Https);
}

using System.Net;
using System.Net.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Relay.Concurrency;
using Relay.Dkim;
using Relay.Dns;
using Relay.Flow;
using Relay.Flow.Abuse;
using Relay.Flow.Accept;
using Relay.Flow.Login;
using Relay.Flow.Milter;
using Relay.Flow.Policy;
using Relay.Flow.Queue;
using Relay.Flow.Route;
using Relay.Flow.Send;
using Relay.Flow.Settle;
using Relay.Flow.TlsReports;
using Relay.Protocol.Message;
using Relay.Spool;
using Relay.Telemetry;
using Relay.Tls;

namespace Relay;

/// <summary>
/// The relay without its process: spool, queue, delivery and the handlers of its listeners. The daemon (or a test) owns it, feeds it connections and configuration,
/// and stops it. <see cref="StartAsync"/> (or its two halves), then connections, then <see cref="StopAsync"/>, then dispose; the other members are safe on any thread.
/// </summary>
public sealed class RelayEngine : IAsyncDisposable
{
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly RecentHosts _distrust;
    private readonly RecentHosts _brokenTls;
    private readonly StsStore _policies;
    private readonly StsPolicies _sts;
    private readonly TlsTally _tally;
    private readonly SiteCrowd _crowd;
    private readonly RelayMetrics _metrics = new();
    private readonly Heartbeat _heartbeat;
    private readonly IStorage _storage;
    private readonly IDialer _dialer;
    private readonly AddressRace _race;
    private readonly Func<DnsOptions, IDnsResolver> _resolvers;
    private readonly DeliveryLog _deliveries;
    private readonly ConnectionLimit _connections = new();
    private readonly PasswordWork _passwords;
    private readonly CurrentLogins _logins = new();
    private readonly UserTally _usage;
    private readonly Dictionary<ListenerOptions, SmtpConnectionHandler> _handlers = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly LocalAddresses _local;
    private EngineOptions _options;
    private IDnsResolver _dns;

    // Of its own: what any client can have looked up must not push out what deliveries need, nor take their turns.
    private IDnsResolver _listDns;
    private ServerCertificates? _certificates;
    private MessageSpool? _spool;
    private MessageQueue? _queue;
    private OutboundPool? _pool;
    private Settlement? _settlement;
    private ReportMessage? _reports;
    private MessageSigner? _signer;
    private DeliveryLoop? _delivery;
    private TlsReporter? _reporter;
    private AbuseGuard? _abuse;
    private TokenKeys? _tokenKeys;
    private DovecotLogins? _dovecot;
    private QueueOrders? _orders;
    private QueueView? _view;
    private Task _scheduler = Task.CompletedTask;
    private Task _reporting = Task.CompletedTask;
    private Task _guarding = Task.CompletedTask;
    private Task _counting = Task.CompletedTask;
    private Task _watching = Task.CompletedTask;
    private Task _recovery = Task.CompletedTask;
    private Task _readBack = Task.CompletedTask;
    private volatile bool _recoveryFailed;

    public RelayEngine(EngineOptions options, TimeProvider time, ILoggerFactory logs)
        : this(options, time, logs, new DiskStorage(), new SocketDialer(), null)
    {
    }

    internal RelayEngine(EngineOptions options, TimeProvider time, ILoggerFactory logs, IStorage storage, IDialer dialer, IDnsResolver? dns)
    {
        _options = options;
        _time = time;
        _log = logs.CreateLogger("relay");
        _storage = storage;
        _dialer = dialer;
        _race = new AddressRace(dialer, time, new FamilyMemory(time));
        _resolvers = settings => dns ?? new DnsCache(new DnsResolver(settings, time), time);
        _dns = _resolvers(options.Dns);
        _listDns = _resolvers(options.Dns);
        _heartbeat = new Heartbeat(time);
        _passwords = new PasswordWork(time);
        Handshakes = TlsAcceptor.NewTurns(time);
        _usage = new UserTally(options.StatePath is { } kept ? Path.Combine(kept, "users.json") : null, time, _log);
        _local = new LocalAddresses(time);
        _crowd = new SiteCrowd(time);
        _distrust = new RecentHosts(time);
        _brokenTls = new RecentHosts(time);
        _policies = new StsStore(options.StatePath is { } state ? Path.Combine(state, "mta-sts") : null, time, _log);
        _sts = new StsPolicies(_policies, time, _log);
        _tally = new TlsTally(options.StatePath is { } folder ? Path.Combine(folder, "tls-reports") : null, time, _log);
        _deliveries = new DeliveryLog(options.DeliveryLogPath, time, _log, _metrics);
    }

    /// <summary>Fewer in a test that wants them to be scarce.</summary>
    internal int MaximumWorkers { get; init; } = DeliveryLoop.MaximumWorkers;

    /// <summary>In a test that wants them to be scarce, others.</summary>
    internal Turns Handshakes { get; init; }

    /// <summary>For tests: whether the DNS lists have passed their tests.</summary>
    internal bool AreListsUsable => _abuse is { } abuse && abuse.Lists.AreUsable;

    /// <summary>Null while mail can be accepted; otherwise what is wrong, in one line, for /healthz.</summary>
    public string? Unhealthy => _spool is not { } spool ? "the spool is not open"
        : spool.Health is { Status: not SpoolStatus.Healthy } health ? health.Reason
        : null;

    /// <summary>What is wrong although mail is accepted, in one line; null when nothing is.</summary>
    public string? Degraded => _recoveryFailed ? "not all undelivered mail in the spool is known to the queue"
        : _spool?.Health is { Status: SpoolStatus.Healthy, Reason.Length: > 0 } health ? health.Reason
        : null;

    /// <summary>Whether mail is accepted now; for /readyz.</summary>
    public bool IsReady => Unhealthy is null && !_stopping.IsCancellationRequested;

    /// <summary>The domains and configured next hops that mail waits for: those with the most first, or by name; at most so many of them, and how many there are. None before the start.</summary>
    public IReadOnlyList<DestinationStatus> Destinations(bool byName, int most, out int total)
    {
        total = 0;
        return _view?.Destinations(byName, most, out total) ?? [];
    }

    /// <summary>What waits for a domain (in lower case) and why, and the site its mail goes to; null when nothing is known of it.</summary>
    public DestinationStatus? Why(string domain, out SiteStatus? site)
    {
        site = null;
        return _view?.Destination(domain, out site);
    }

    /// <summary>A message that waits, and why each of its recipients isn't gone; null when none of this id does, as far as <see cref="IsSearching"/> isn't true. <paramref name="header"/>: with its header section.</summary>
    public MessageStatus? Find(QueueId id, bool header) => _view?.Describe(id, header);

    /// <summary>Not all mail of before the start has been found yet.</summary>
    public bool IsSearching => !_recovery.IsCompleted;

    /// <summary>
    /// Does what an operator orders with mail that waits, durably; <paramref name="who"/> is for the log. Orders come one after the other, and <paramref name="cancel"/> ends the wait for those before. Given up is what is bounced or
    /// dropped a little later, when the answer is there already. Not before the start.
    /// </summary>
    public Task<OrderAnswer> OrderAsync(QueueOrder order, QueueSelector selector, string who, CancellationToken cancel) =>
        _orders?.DoAsync(order, selector, who, cancel) ?? throw new InvalidOperationException("the engine has not been started");

    /// <summary>What waits by tenant, in any order, and as of when: it is counted now and then.</summary>
    public Task<(IReadOnlyList<TenantStatus> Tenants, DateTimeOffset AsOf)> TenantsAsync() => _view?.TenantsAsync() ?? Task.FromResult<(IReadOnlyList<TenantStatus>, DateTimeOffset)>(([], _time.GetUtcNow()));

    /// <summary>What the delivery log says of a message, whether or not it still waits; null when there is no log. Throws IOException when it can't be read.</summary>
    public async Task<DeliveryTrace?> TraceAsync(QueueId id, CancellationToken cancel)
    {
        if (_options.DeliveryLogPath is not { } path)
        {
            return null;
        }

        DateTimeOffset arrived = QueueIds.TimeOf(id);
        IReadOnlyDictionary<string, int>? waiting = _view?.Attempts(id, ref arrived);
        return await DeliveryLogReader.ReadAsync(path, id, arrived, waiting, cancel).ConfigureAwait(false);
    }

    /// <summary>The addresses and networks that are banned now, the one whose ban ends first before the others. None before the start.</summary>
    public IReadOnlyList<BanStatus> Bans() => _abuse?.Bans() ?? [];

    /// <summary>Lifts the ban of an address or a network, or all bans when it is null; <paramref name="who"/> is for the log. How many there were.</summary>
    public int LiftBan(string? address, string who) => _abuse?.Lift(address, who) ?? 0;

    /// <summary>As <see cref="Destinations"/>, of the sites that are known, by what is ready there.</summary>
    public IReadOnlyList<SiteStatus> Sites(bool byName, int most, out int total)
    {
        total = 0;
        return _view?.Sites(byName, most, out total) ?? [];
    }

    /// <summary><see cref="OpenAsync"/> and <see cref="Run"/>.</summary>
    public async Task StartAsync(CancellationToken cancel)
    {
        await OpenAsync(cancel).ConfigureAwait(false);
        Run();
    }

    /// <summary>Opens the spool and makes all that connections need; nothing is delivered or counted yet. Throws IOException with one clear line when the spool can't be used.</summary>
    public Task OpenAsync(CancellationToken cancel)
    {
        EngineOptions options = _options;
        if (options.Listeners.Any(static l => l.Tls != ListenerTls.None))
        {
            ServerCertificates certificates = _certificates = ServerCertificates.Load(options.Tls, options.Hostname, _time, _log);
            _metrics.ObserveCertificates(certificates.Expiries);
            if (certificates.IsSelfSigned)
            {
                EngineLog.SelfSigned(_log, options.Hostname);
            }
        }

        MessageSigner signer = _signer = new MessageSigner(DkimKeys.Load(options.Dkim));
        // Opening and scanning read the disk: not on the caller's thread.
        return Task.Run(() => Open(options, signer), cancel);
    }

    /// <summary>Finds the undelivered mail in the spool, and starts to deliver. Once, when it is open.</summary>
    public void Run()
    {
        (MessageSpool spool, MessageQueue queue) = (_spool!, _queue!);
        _scheduler = queue.RunAsync(_stopping.Token);
        _reporting = _reporter!.RunAsync(_stopping.Token);
        _guarding = _abuse!.RunAsync(_stopping.Token);
        _counting = _usage.RunAsync(_stopping.Token);
        _watching = _certificates?.RunAsync(_stopping.Token) ?? Task.CompletedTask;
        _recovery = RecoverAsync(spool, queue);
        _readBack = ReadBackAsync(spool, queue);
    }

    /// <summary>Passwords are being looked at: on threads that no clock but the machine's knows of.</summary>
    internal bool IsAtPasswords => _passwords.IsBusy;

    /// <summary>What serves the connections of one of the configured listeners.</summary>
    public ConnectionHandler HandlerFor(ListenerOptions listener) => _handlers.TryGetValue(listener, out SmtpConnectionHandler? handler)
        ? handler
        : throw new InvalidOperationException($"{listener} is not a listener of this engine, or it has not been started");

    /// <summary>Applies new options to what begins from now on; spool and listeners keep theirs. The caller has validated them.</summary>
    public void Apply(EngineOptions options)
    {
        options = options with { Spool = _options.Spool, Listeners = _options.Listeners, StatePath = _options.StatePath };
        // First what may throw.
        var keys = DkimKeys.Load(options.Dkim);
        SslStreamCertificateContext? certificate = options.Delivery.Certificate?.Load();
        _certificates?.Reload(options.Tls, options.Hostname);
        if (options.Dns != _options.Dns)
        {
            _dns = _resolvers(options.Dns);
            _listDns = _resolvers(options.Dns);
        }

        _abuse?.Apply(options.Abuse, _listDns);

        if (options.DeliveryLogPath != _options.DeliveryLogPath)
        {
            _deliveries.Reopen(options.DeliveryLogPath);
        }

        _options = options;
        WarnOfSources(options);
        DeliverySettings settings = SettingsFor(options, certificate);
        _queue?.Apply(RoutesOf(options, settings), key => NewSite(key, settings), settings.Tenants, settings.Retry);
        _settlement?.Apply(settings.Retry, ClassRules.With(options.Delivery.Classes));
        _delivery?.Apply(settings);
        _reports?.Apply(options.Hostname, options.Reports);
        _signer?.Apply(keys);
        _reporter?.Apply(options, _dns, HttpsOf(options));
        ApplyLogins(options);
        var reverse = new ReverseLookup(_dns, _time);
        var domains = new DomainCheck(_dns, _time);
        foreach (SmtpConnectionHandler handler in _handlers.Values)
        {
            handler.Apply(options, reverse, domains);
        }
    }

    /// <summary>Reopens the delivery log, after it was rotated.</summary>
    public void ReopenLogs() => _deliveries.Reopen();

    /// <summary>Tells idle clients 421, lets what is in flight finish within <paramref name="grace"/>, syncs the spool. Listeners are closed before.</summary>
    public async Task StopAsync(TimeSpan grace)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _scheduler.ConfigureAwait(false);
        await _reporting.ConfigureAwait(false);
        await _guarding.ConfigureAwait(false);
        await _counting.ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        await _recovery.ConfigureAwait(false);
        await _readBack.ConfigureAwait(false);
        if (_delivery is { } delivery)
        {
            await delivery.StopAsync(grace).ConfigureAwait(false);
        }

        if (_spool is { } spool)
        {
            await spool.FlushAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_stopping.IsCancellationRequested)
        {
            await StopAsync(TimeSpan.Zero).ConfigureAwait(false);
        }

        if (_pool is { } pool)
        {
            await pool.DisposeAsync().ConfigureAwait(false);
        }

        if (_spool is { } spool)
        {
            await spool.DisposeAsync().ConfigureAwait(false);
        }

        await _deliveries.DisposeAsync().ConfigureAwait(false);
        _signer?.Dispose();
        if (_dovecot is { } dovecot)
        {
            await dovecot.DisposeAsync().ConfigureAwait(false);
        }

        _heartbeat.Dispose();
        _metrics.Dispose();
        _stopping.Dispose();
    }

    private void Open(EngineOptions options, MessageSigner signer)
    {
        MessageSpool spool = _spool = MessageSpool.Open(options.Spool, _storage, _time, _log, batch => _metrics.SpoolCommitted(batch.Sync.TotalSeconds, batch.Messages));
        WarnOfSources(options);
        _policies.Load();
        DeliverySettings settings = SettingsFor(options, options.Delivery.Certificate?.Load());
        var reverse = new ReverseLookup(_dns, _time);
        var domains = new DomainCheck(_dns, _time);
        OutboundPool pool = _pool = new OutboundPool(_heartbeat, _time, _metrics);
        MessageQueue queue = _queue = new MessageQueue(_time, RoutesOf(options, settings), key => NewSite(key, settings), settings.Tenants, settings.Retry, destination => _delivery!.LookUp(_queue!, destination), site => _delivery!.Dispatch(site), () => _delivery!.SettleOrdered(_queue!));
        ReportMessage reports = _reports = new ReportMessage(spool, queue, signer, options.Hostname, options.Reports, _time);
        _settlement = new Settlement(spool, queue, reports, _deliveries, _metrics, settings.Retry, ClassRules.With(options.Delivery.Classes), _time, Random.Shared, _log);
        _tally.Load();
        TlsReporter reporter = _reporter = new TlsReporter(_tally, spool, queue, signer, _time, Random.Shared, _log, options, _dns, HttpsOf(options));
        _delivery = new DeliveryLoop(spool, pool, _settlement, _time, _log, _metrics, settings, MaximumWorkers) { Tally = () => reporter.Tally };
        _orders = new QueueOrders(spool, queue, _deliveries, _time, _log);
        _view = new QueueView(spool, queue, _time);
        _metrics.ObserveQueue(() => queue.Depth, () => spool.Parked);
        _metrics.ObserveSpool(
            () => (spool.Count(SpoolStatus.Healthy), spool.Count(SpoolStatus.Full), spool.Count(SpoolStatus.Failed)), options.Spool.Durability == Durability.Sync ? "sync" : "os");
        _metrics.ObserveRecovery(() => !_recovery.IsCompleted);
        AbuseGuard abuse = _abuse = new AbuseGuard(options.Abuse, options.StatePath, _listDns, _time, _metrics, _log);
        _usage.Load();
        ApplyLogins(options);
        var services = new SessionServices
        {
            Spool = spool,
            Signer = signer,
            Queue = queue,
            Connections = _connections,
            Abuse = abuse,
            Logins = _logins,
            Usage = _usage,
            Heartbeat = _heartbeat,
            Metrics = _metrics,
            Deliveries = _deliveries,
            Time = _time,
            Log = _log,
            Certificates = _certificates,
            Handshakes = Handshakes,
            MiltersOf = (settings, listener) => MilterService.For(settings.Milters, listener.Role == ListenerRole.Submission, _dialer, _dns, _heartbeat, _metrics, _log),
            Stopping = _stopping.Token,
        };
        foreach (ListenerOptions listener in options.Listeners)
        {
            _handlers[listener] = new SmtpConnectionHandler(listener, services, new AcceptSettings(options, listener, reverse, domains, services));
        }
    }

    /// <summary>The mail of before is found while new mail comes in already.</summary>
    private async Task RecoverAsync(MessageSpool spool, MessageQueue queue)
    {
        long started = _time.GetTimestamp();
        int found = 0;
        try
        {
            await spool.RecoverAsync(
                message =>
                {
                    queue.Recover(message);
                    Interlocked.Increment(ref found);
                }, _stopping.Token).ConfigureAwait(false);
            SettleLog.Recovered(_log, found, _time.GetElapsedTime(started).TotalSeconds);
        }
        catch (Exception e)
        {
            // A bug: what wasn't found stays in the spool, and a restart looks again.
            EngineLog.NotRecovered(_log, found, e);
            _recoveryFailed = true;
        }
    }

    /// <summary>What came when the queue was full comes back, behind what is older.</summary>
    private async Task ReadBackAsync(MessageSpool spool, MessageQueue queue)
    {
        await _recovery.ConfigureAwait(false);
        try
        {
            await spool.ReadBackAsync(queue.Recover, _stopping.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // As above.
            EngineLog.NotReadBack(_log, spool.Parked, e);
            _recoveryFailed = true;
        }
    }

    private Site NewSite(SiteKey key, DeliverySettings settings)
    {
        var limit = new SiteLimit(_time, Random.Shared, key.Limits.Connections, _crowd)
        {
            FirstWait = settings.Retry.Suspension,
            LongestWait = settings.Retry.LongestSuspension,
        };
        return new Site(key, limit, _time, site => _queue!.Wake(site));
    }

    private static DestinationOf RoutesOf(EngineOptions options, DeliverySettings settings) =>
        new RouteTable([.. options.Routes.Select(r => r with { Limits = settings.Limits.For(r) })]).Find;

    /// <summary>At start and at a reload: nobody should have to wait for mail to find out that a source has no address here. It may still come, so it is no error.</summary>
    private void WarnOfSources(EngineOptions options)
    {
        foreach ((EgressSource source, IPAddress address) in options.Sources.SelectMany(static s => new[] { s.Ipv4, s.Ipv6 }.OfType<IPAddress>().Select(a => (s, a))))
        {
            if (SocketDialer.FaultOf(address) is { } fault)
            {
                SettleLog.SourceUnusable(_log, source.Name, fault);
            }
        }
    }

    /// <summary>Who may log in from now on. What was fetched and what is connected stays while it is the same place.</summary>
    private void ApplyLogins(EngineOptions options)
    {
        DovecotLogins? gone = _dovecot is { } dovecot && dovecot.Path != options.Dovecot?.Path ? dovecot : null;
        if (options.Dovecot is { } same && _dovecot is { } kept && gone is null)
        {
            kept.Apply(same);
        }
        else
        {
            _dovecot = options.Dovecot is { } fresh ? new DovecotLogins(fresh, _time, _log) : null;
        }

        _tokenKeys = options.OAuth is not { } oauth ? null
            : oauth.KeysUrl is { } url && _tokenKeys?.Url == url ? _tokenKeys
            : new TokenKeys(oauth, (request, size, limit) => HttpsOf(_options).SendAsync(request, size, limit), _time, _log);
        TokenCheck? tokens = options.OAuth is { } check ? new TokenCheck(check, _tokenKeys!, _time, _log) : null;
        _logins.Source = _dovecot is not null ? _dovecot : options.Accounts is { } accounts ? new UserLogins(accounts, _passwords, tokens) : null;
        if (gone is not null)
        {
            // Exchanges under way end as if it were away.
            _ = gone.DisposeAsync().AsTask();
        }
    }

    private HttpsClient HttpsOf(EngineOptions options) => new(_dns, _race, options.Delivery, _time);

    private DeliverySettings SettingsFor(EngineOptions options, SslStreamCertificateContext? certificate) => new(
        options.Delivery,
        new MxResolver(_dns, options.Hostname, [.. options.Listeners.Select(static l => l.EndPoint)], options.Delivery, Random.Shared, _local.Contains),
        new TlsDecision(
            _dns, _sts, new StsFetcher(HttpsOf(options), options.Delivery).FetchAsync, options.Delivery, certificate),
        new Connector(options.Hostname, options.Delivery.Timeouts, _race, _brokenTls, _heartbeat, _time, _metrics, _log),
        new SmtpClientSession(options.Delivery.Timeouts, _time, _distrust, options.Delivery.PipelineDepth),
        new RetrySchedule(options.Delivery.Retry, options.Delivery.Expire, options.Delivery.ExpireReports, options.Reports.DelayAfter),
        new SiteLimits(options.Delivery),
        new TenantTable(options.Tenants));
}

using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Relay.Daemon.Configuration;
using Relay.Flow.Accept;
using Relay.Spool;

namespace Relay.Daemon.Hosting;

/// <summary>
/// The running process: Kestrel's listeners feed the engine, an HTTP listener of its own serves the administrator, signals stop and reload. Throws IOException with one
/// clear line when it can't run.
/// </summary>
internal sealed class RelayHost : IAsyncDisposable
{
    /// <summary>Under what service managers wait before they kill (systemd: 90 s, containers: 30 s at most places).</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(25);

    /// <summary>Kestrel's patience is longer than the engine's, which ends the sessions.</summary>
    private static readonly TimeSpan CloseTimeout = Grace + TimeSpan.FromSeconds(3);

    private readonly string? _file;
    private readonly KestrelServer _server;
    private readonly MetricsExport _metrics;
    private readonly AdminApplication _admin;
    private readonly SystemdNotifier _systemd = new();
    private readonly RelayEngine _engine;
    private readonly Task _opening;
    private readonly ListenerFactory _listeners;
    private readonly ProcessSignals _signals = new();
    private readonly HostLogging _logging;
    private readonly ILogger _log;
    private readonly List<(string Role, ListenOptions Bound)> _bound = [];
    private readonly long _openFiles = OpenFiles.Raise();

    /// <summary>What the runtime may use: three quarters of a container's limit, DOTNET_GCHeapHardLimit, or the machine's memory.</summary>
    private readonly long _memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
    private DaemonOptions _options;

    private RelayHost(DaemonOptions options, string? file)
    {
        _file = file;
        _options = options;
        _logging = new HostLogging(options.Log.Level);
        _log = _logging.Factory.CreateLogger("relay");
        SayLimits();
        _engine = new RelayEngine(Fit(options.Engine), TimeProvider.System, _logging.Factory);
        // Meanwhile all else is made.
        _opening = Task.Run(() => _engine.OpenAsync(CancellationToken.None));
        var kestrel = new KestrelServerOptions();
        Listen(kestrel);
        _listeners = new ListenerFactory(TimeProvider.System, _logging.Factory);
        _server = new KestrelServer(Options.Create(kestrel), _listeners, _logging.Factory);
        _metrics = new MetricsExport();
        var token = AdminToken.LoadOrCreate(options.Admin.TokenPath);
        if (token.Fault is { } fault)
        {
            HostLog.NoToken(_log, fault);
        }

        _admin = new AdminApplication(AdminEndpoints.Create(_engine, token, options.Engine.Hostname, _metrics.Answer));
    }

    /// <summary>Runs until SIGTERM or SIGINT.</summary>
    public static async Task RunAsync(DaemonOptions options, string? file)
    {
        var host = new RelayHost(options, file);
        await using (host.ConfigureAwait(false))
        {
            await host.RunAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync().ConfigureAwait(false);
        _server.Dispose();
        _metrics.Dispose();
        _signals.Dispose();
        _logging.Dispose();
    }

    private async Task RunAsync()
    {
        await _opening.ConfigureAwait(false);
        await _server.StartAsync(_admin, CancellationToken.None).ConfigureAwait(false);
        // Who counts is there by now: no delivery is missing in the metrics.
        _engine.Run();
        _logging.Started();
        await Console.Out.WriteLineAsync(ReadyLine()).ConfigureAwait(false);
        _systemd.Notify(ServiceState.Ready);
        while (await _signals.WaitForReloadAsync().ConfigureAwait(false))
        {
            Reload();
        }

        HostLog.Stopping(_log);
        _systemd.Notify(ServiceState.Stopping);
        await StopAsync().ConfigureAwait(false);
    }

    /// <summary>Listeners first, then the engine, which ends the sessions that Kestrel waits for meanwhile.</summary>
    private async Task StopAsync()
    {
        using var limit = new CancellationTokenSource(CloseTimeout, TimeProvider.System);
        Task closing = _server.StopAsync(limit.Token);
        try
        {
            await _listeners.Unbound.WaitAsync(limit.Token).ConfigureAwait(false);
            await _engine.StopAsync(Grace).ConfigureAwait(false);
        }
        finally
        {
            // Also when the spool has failed: the engine is disposed of only when no session uses it any more.
            await closing.ConfigureAwait(false);
            if (limit.IsCancellationRequested)
            {
                HostLog.Cut(_log);
            }
        }
    }

    private void Listen(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        foreach (ListenerOptions listener in _options.Engine.Listeners)
        {
            kestrel.Listen(listener.EndPoint, bound =>
            {
                _bound.Add((listener.Role.ToString().ToLowerInvariant(), bound));
                // Kestrel is configured before the engine is there, and hands over connections only after.
                ConnectionHandler? handler = null;
                bound.Run(connection => (handler ??= _engine.HandlerFor(listener)).OnConnectedAsync(connection));
            });
        }

        kestrel.Listen(_options.Admin.EndPoint, bound =>
        {
            _bound.Add(("admin", bound));
            bound.Protocols = HttpProtocols.Http1;
        });
    }

    /// <summary>"ready relay=127.0.0.1:2525,[::1]:2525 submission=… admin=…", with the ports that the system chose.</summary>
    private string ReadyLine() => "ready " + string.Join(' ', _bound
        .GroupBy(static b => b.Role, static b => b.Bound.IPEndPoint)
        .OrderBy(static g => Array.IndexOf(["relay", "submission", "admin"], g.Key))
        .Select(static g => $"{g.Key}={string.Join(',', g)}"));

    private EngineOptions Fit(EngineOptions engine) =>
        engine with { Limits = engine.Limits with { Connections = OpenFiles.Connections(engine.Limits.Connections, _openFiles) }, Spool = engine.Spool.Within(_memory) };

    private void SayLimits()
    {
        int configured = _options.Engine.Limits.Connections;
        HostLog.ConnectionLimit(_log, OpenFiles.Connections(configured, _openFiles), configured, _openFiles);
        int messages = _options.Engine.Spool.MessagesInMemory;
        HostLog.MemoryLimit(_log, _options.Engine.Spool.Within(_memory).MessagesInMemory, messages, _memory / (1024 * 1024));
        if (_options.Engine.Spool.Durability == Durability.Os)
        {
            HostLog.NotSynced(_log);
        }
    }

    /// <summary>SIGHUP: logs are reopened, and the file is read again when there is one. A wrong one changes nothing but says why.</summary>
    private void Reload()
    {
        _engine.ReopenLogs();
        if (_file is null)
        {
            return;
        }

        ConfigResult result = ConfigFile.Load(_file);
        if (result.Options is { } fresh)
        {
            Apply(fresh);
        }

        foreach (ConfigError error in result.Errors)
        {
            HostLog.ReloadRefused(_log, error.ToString());
        }
    }

    private void Apply(DaemonOptions fresh)
    {
        try
        {
            _engine.Apply(Fit(fresh.Engine));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            // A certificate that was fine when the file was checked and is gone now.
            HostLog.ReloadRefused(_log, e.Message);
            return;
        }

        // Compared with what the process began with: changing it back needs no restart any more.
        WarnUnless(fresh.Engine.Listeners.SequenceEqual(_options.Engine.Listeners), "[[listener]]");
        WarnUnless(fresh.Engine.Spool == _options.Engine.Spool, "[spool]");
        WarnUnless(fresh.Admin == _options.Admin, "[admin]");
        WarnUnless(fresh.Engine.StatePath == _options.Engine.StatePath, "state");
        int configured = fresh.Engine.Limits.Connections;
        if (configured != _options.Engine.Limits.Connections)
        {
            HostLog.ConnectionLimit(_log, OpenFiles.Connections(configured, _openFiles), configured, _openFiles);
        }

        _options = fresh with
        {
            Admin = _options.Admin,
            Engine = fresh.Engine with { Listeners = _options.Engine.Listeners, Spool = _options.Engine.Spool, StatePath = _options.Engine.StatePath },
        };
        _logging.Level = fresh.Log.Level;
        HostLog.Reloaded(_log);
    }

    private void WarnUnless(bool same, string section)
    {
        if (!same)
        {
            HostLog.NeedsRestart(_log, section);
        }
    }
}

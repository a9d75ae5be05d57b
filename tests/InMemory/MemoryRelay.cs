using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Relay.Concurrency;
using Relay.Dkim;
using Relay.Dns;
using Relay.Flow;
using Relay.Flow.Abuse;
using Relay.Flow.Accept;
using Relay.Flow.Login;
using Relay.Flow.Policy;
using Relay.Flow.Queue;
using Relay.Flow.Route;
using Relay.Spool;
using Relay.Telemetry;
using Relay.Tls;

namespace Relay.Testing;

/// <summary>
/// The accepting half of the relay, its own spool and queue included, on a disk and connections in memory. Nothing is delivered: each message that reaches the queue is shown to
/// <see cref="Accepted"/> and then settled, so that any number of them may pass.
/// </summary>
internal sealed class MemoryRelay : IAsyncDisposable
{
    private const string Folder = "/memory/spool";

    private readonly Heartbeat _heartbeat = new(TimeProvider.System);
    private readonly PasswordWork _passwords = new(TimeProvider.System);
    private readonly RelayMetrics _metrics = new();
    private readonly DeliveryLog _deliveries;
    private readonly MessageSpool _spool;
    private readonly MessageQueue _queue;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SmtpConnectionHandler _handler;
    private readonly MessageSigner _signer;
    private readonly RecipientUpdate[] _settled = new RecipientUpdate[QueuedMessage.MaximumRecipients];
    private SpooledMessage? _shown;

    public MemoryRelay(EngineOptions options, ILogger log)
    {
        TimeProvider time = TimeProvider.System;
        ListenerOptions listener = options.Listeners[0];
        _deliveries = new DeliveryLog(null, time, log, _metrics);
        _spool = MessageSpool.Open(options.Spool, new MemoryStorage(), time, log);
        _queue = new MessageQueue(time, new RouteTable(options.Routes).Find, key => new Site(key, new SiteLimit(time, Random.Shared, 1), time, static _ => { }), new TenantTable([]), new RetrySchedule([TimeSpan.FromMinutes(1)], TimeSpan.FromDays(1), TimeSpan.FromDays(1)), Settle, static _ => { }, static () => { });
        var services = new SessionServices
        {
            Spool = _spool,
            Signer = _signer = new MessageSigner(DkimKeys.Load(options.Dkim)),
            Queue = _queue,
            Connections = new ConnectionLimit(),
            Abuse = new AbuseGuard(options.Abuse, null, new DnsResolver(options.Dns, time), time, _metrics, log),
            Logins = new CurrentLogins { Source = options.Accounts is { } accounts ? new UserLogins(accounts, _passwords, null) : null },
            Usage = new UserTally(null, time, log),
            Heartbeat = _heartbeat,
            Metrics = _metrics,
            Deliveries = _deliveries,
            Time = time,
            Log = log,
            Handshakes = TlsAcceptor.NewTurns(time),
            Certificates = listener.Tls == ListenerTls.None ? null : ServerCertificates.Load(options.Tls, options.Hostname, time, log),
            Stopping = _stopping.Token,
        };
        var dns = new DnsResolver(options.Dns, time);
        _handler = new SmtpConnectionHandler(listener, services, new AcceptSettings(options, listener, new ReverseLookup(dns, time), new DomainCheck(dns, time), services));
    }

    /// <summary>Options to begin with: one listener in clear, a small spool, no look-ups.</summary>
    public static EngineOptions Options { get; } = new()
    {
        Hostname = "relay.example.net",
        Spool = new SpoolOptions { Paths = [Folder], SegmentSize = 8 * 1024 * 1024 },
        Listeners = [new ListenerOptions { EndPoint = new IPEndPoint(IPAddress.Loopback, 25), Tls = ListenerTls.None }],
        Dns = new DnsOptions { Reverse = false },
    };

    /// <summary>Called on the session's thread once for each message, before it is answered.</summary>
    public Action<SpooledMessage, SpoolBody>? Accepted { get; set; }

    /// <summary>Opens a connection on which the session runs inside the client's own calls wherever it can, so that a reply is there when the write returns.</summary>
    public MemoryClient Connect(string address = "127.0.0.1")
    {
        var options = new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false);
        var there = new Pipe(options);
        var back = new Pipe(options);
        var server = new End(there.Reader, back.Writer);
        var connection = new DefaultConnectionContext("memory", server, server) { RemoteEndPoint = new IPEndPoint(IPAddress.Parse(address), 40000) };
        return new MemoryClient(back.Reader, there.Writer, RunAsync(connection, server));
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _spool.DisposeAsync();
        await _deliveries.DisposeAsync();
        _signer.Dispose();
        _heartbeat.Dispose();
        _metrics.Dispose();
        _stopping.Dispose();
    }

    private async Task RunAsync(DefaultConnectionContext connection, End server)
    {
        await _handler.OnConnectedAsync(connection);
        await server.Output.CompleteAsync();
        await server.Input.CompleteAsync();
    }

    private void Settle(Destination destination)
    {
        lock (_settled)
        {
            for (QueuedMessage? queued = _queue.TakeUnrouted(destination); queued is not null; queued = queued.Next)
            {
                SpooledMessage message = queued.Message;
                if (Accepted is { } accepted && message != _shown)
                {
                    _shown = message;
                    using SpoolBody body = _spool.OpenBody(message);
                    accepted(message, body);
                }

                for (int i = 0; i < queued.Recipients.Length; i++)
                {
                    _settled[i] = new RecipientUpdate(queued.Recipients[i], RecipientState.Delivered, 0, default);
                }

                _spool.Update(message, _settled.AsSpan(0, queued.Recipients.Length));
                destination.Release();
            }
        }
    }

    private sealed record End(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}

using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Relay.Concurrency;
using Relay.Flow;
using Relay.Flow.Accept;
using Relay.Spool;
using Relay.Tests.Dns;
using Relay.Tls;

namespace Relay.Tests.Support;

/// <summary>A whole engine in a folder of its own: real spool and queue, scripted DNS and servers, clients in memory, and a clock that stands still until it is moved.</summary>
internal sealed class EngineFixture : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("relay-engine-").FullName;
    private readonly List<Task> _sessions = [];
    private ListenerOptions _listener = new() { EndPoint = new IPEndPoint(IPAddress.Loopback, 25), Tls = ListenerTls.StartTls };

    public EngineFixture()
    {
        Options = new EngineOptions
        {
            Hostname = "relay.example.net",
            Spool = new SpoolOptions { Paths = [Path.Combine(_folder, "spool")] },
            Delivery = new DeliveryOptions { Port = 2525, Tls = OutboundTls.None },
            DeliveryLogPath = Path.Combine(_folder, "deliveries.jsonl"),
        };
    }

    public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 11, 24, 8, 0, 38, TimeSpan.Zero));

    public ScriptedMailServer Server { get; } = new();

    public ScriptedResolver Dns { get; } = new();

    public IStorage Storage { get; init; } = new DiskStorage();

    public EngineOptions Options { get; set; }

    /// <summary>Milters in memory, which the engine is told of in this order.</summary>
    public ScriptedMilter[] Milters { get; init; } = [];

    /// <summary>Connections in use at once, to all sites together.</summary>
    public int MaximumWorkers { get; init; } = 1000;

    /// <summary>Of handshakes; null: as many as the engine has.</summary>
    public Turns? Handshakes { get; set; }

    public ListenerOptions Listener
    {
        get => _listener;
        set => _listener = value;
    }

    public RelayEngine Engine { get; private set; } = null!;

    public async Task<EngineFixture> StartAsync()
    {
        Options = Options with { Listeners = [_listener] };
        Engine = new RelayEngine(Options, Time, NullLoggerFactory.Instance, Storage, Milters.Length == 0 ? Server : new MilterDialer(Server, Milters), Dns) { MaximumWorkers = MaximumWorkers, Handshakes = Handshakes ?? TlsAcceptor.NewTurns(Time) };
        await Engine.StartAsync(CancellationToken.None);
        return this;
    }

    /// <summary>Stops the engine as SIGTERM would and starts another one on the same spool.</summary>
    public async Task RestartAsync()
    {
        await Engine.StopAsync(TimeSpan.FromSeconds(10));
        await Engine.DisposeAsync();
        await StartAsync();
    }

    public TestClient Connect(string address = "127.0.0.1")
    {
        var pipes = new DuplexPipes();
        var connection = new DefaultConnectionContext("test", pipes.Server, pipes.Server) { RemoteEndPoint = new IPEndPoint(IPAddress.Parse(address), 40000), LocalEndPoint = new IPEndPoint(IPAddress.Parse("192.0.2.25"), 25) };
        Task session = RunAsync(connection, pipes.Server);
        _sessions.Add(session);
        return new TestClient(pipes.Client, session);
    }

    /// <summary>A client in TLS, by STARTTLS, that has said EHLO.</summary>
    public async Task<TestClient> ConnectTlsAsync(string host = "localhost", X509Certificate2? own = null, string address = "127.0.0.1")
    {
        TestClient client = Connect(address);
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("STARTTLS", "220");
        await client.StartTlsAsync(host, own);
        await client.SayAsync("EHLO client.example", "250");
        return client;
    }

    /// <summary>Hands in one message the short way.</summary>
    public async Task<string> SendAsync(string from, IEnumerable<string> to, string body = "Subject: test\r\n\r\nHello\r\n")
    {
        await using TestClient client = Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync($"MAIL FROM:<{from}>", "250");
        foreach (string recipient in to)
        {
            await client.SayAsync($"RCPT TO:<{recipient}>", "250");
        }

        await client.SayAsync("DATA", "354");
        string queued = await client.SayAsync(body + ".", "250 2.0.0 queued as ");
        await client.SayAsync("QUIT", "221");
        return queued["250 2.0.0 queued as ".Length..];
    }

    /// <summary>
    /// Moves the clock on in small steps, as time passes, until the condition holds. What is ready to run has its turn between the steps: on a busy machine the clock would otherwise run away from it, and
    /// what takes no time at all would exceed its deadline.
    /// </summary>
    public async Task PassTimeUntil(Func<bool> condition, string what, TimeSpan? step = null)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        while (!condition())
        {
            Assert.False(timeout.IsCancellationRequested, "did not happen in time: " + what);
            Time.Advance(step ?? TimeSpan.FromMilliseconds(100));
            await SettleAsync();
        }
    }

    /// <summary>What is under way takes so long by the relay's clock, which stands still when that is over: what is computed then takes no time.</summary>
    public async Task TakesAsync(Task task, TimeSpan least, TimeSpan most, string what)
    {
        TimeSpan step = TimeSpan.FromMilliseconds(100);
        Assert.False(await Eventually.Within(() => task.IsCompleted, TimeSpan.FromMilliseconds(250)), "at once: " + what);
        for (TimeSpan passed = step; passed <= most; passed += step)
        {
            Time.Advance(step);
            await SettleAsync();
            Assert.False(passed < least && task.IsCompleted, $"after {passed}: {what}");
        }

        await task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    /// <summary>The delivery log so far, as far as the file has it.</summary>
    public IReadOnlyList<JsonElement> Log()
    {
        string path = Options.DeliveryLogPath!;
        if (!File.Exists(path))
        {
            return [];
        }

        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        string text = reader.ReadToEnd();
        return [.. text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static l => JsonDocument.Parse(l).RootElement)];
    }

    public IReadOnlyList<JsonElement> Log(string happened) => [.. Log().Where(l => l.GetProperty("event").GetString() == happened)];

    public async ValueTask DisposeAsync()
    {
        await Engine.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>The clock doesn't run away from what is ready to run, nor from passwords, whose time is the machine's.</summary>
    private async Task SettleAsync()
    {
        await Eventually.Within(static () => ThreadPool.PendingWorkItemCount == 0, TimeSpan.FromMilliseconds(2));
        if (Engine.IsAtPasswords)
        {
            await Eventually.Within(() => !Engine.IsAtPasswords && ThreadPool.PendingWorkItemCount == 0, TimeSpan.FromSeconds(5));
        }
    }

    private async Task RunAsync(ConnectionContext connection, IDuplexPipe server)
    {
        await Task.Yield();
        await Engine.HandlerFor(_listener).OnConnectedAsync(connection);
        await server.Output.CompleteAsync();
        await server.Input.CompleteAsync();
    }
}

using System.Globalization;
using System.Net;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// The relay as an operator runs it: the built relay.dll in a process of its own, with a relay.toml and a spool in a folder of its own. It can be killed and started again
/// on the same spool; ports are those of the present life. Disposing kills what still runs and deletes the folder.
/// </summary>
internal sealed class RelayProcess : IAsyncDisposable
{
    private static readonly TimeSpan ReadyLimit = TimeSpan.FromSeconds(60);

    private readonly TempFolder _folder = new();
    private readonly List<string> _earlierErrors = [];
    private readonly string[] _wrapper;
    private readonly IReadOnlyDictionary<string, string>? _environment;
    private ToolProcess? _process;

    private RelayProcess(string[] wrapper, IReadOnlyDictionary<string, string>? environment)
    {
        _wrapper = wrapper;
        _environment = environment;
    }

    /// <summary>The command that is the relay: as tests/run.sh and the project's build order leave it, or the native program that RELAY_PROGRAM names.</summary>
    public static string[] Program { get; } =
        Environment.GetEnvironmentVariable("RELAY_PROGRAM") is { Length: > 0 } native ? [native] : ["dotnet", Path.Combine(RepositoryRoot(), "src/Relay.Daemon/bin/Release/net10.0/relay.dll")];

    public string Folder => _folder.Path;

    public string ConfigFile => _folder.File("relay.toml");

    public DeliveryLog Deliveries => new(_folder.File("deliveries.jsonl"));

    /// <summary>Standard error of all lives.</summary>
    public IReadOnlyList<string> Errors => [.. _earlierErrors, .. Process.Errors];

    /// <summary>Standard error of the present life.</summary>
    public IReadOnlyList<string> LifeErrors => Process.Errors;

    public IReadOnlyList<string> Output => Process.Output;

    /// <summary>The listeners in the order of the configuration, those for submission behind the others.</summary>
    public IReadOnlyList<IPEndPoint> Listeners { get; private set; } = [];

    public IPEndPoint Listener => Listeners[0];

    public int Port => Listener.Port;

    public Uri Admin { get; private set; } = new("http://127.0.0.1/");

    public int Id => Process.Id;

    public bool HasExited => Process.HasExited;

    /// <summary>The most memory that this life has held, in bytes.</summary>
    public long PeakMemory => Status("VmHWM:");

    /// <summary>The memory that it holds now, in bytes.</summary>
    public long Memory => Status("VmRSS:");

    public int OpenFiles => Directory.GetFileSystemEntries($"/proc/{Process.Id}/fd").Length;

    public int Threads => Directory.GetDirectories($"/proc/{Process.Id}/task").Length;

    public TimeSpan ProcessorTime
    {
        get
        {
            using var process = System.Diagnostics.Process.GetProcessById(Process.Id);
            return process.TotalProcessorTime;
        }
    }

    private long Status(string name) => 1024 * long.Parse(
        File.ReadLines($"/proc/{Process.Id}/status").Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', '\t').Last(static word => char.IsAsciiDigit(word.FirstOrDefault())),
        CultureInfo.InvariantCulture);

    private ToolProcess Process => _process ?? throw new InvalidOperationException("the relay has not been started");

    /// <summary>
    /// Starts a relay and waits until it says that it is ready. A wrapper is a program with its arguments that runs the relay as its own process image: strace -D is one.
    /// </summary>
    public static async Task<RelayProcess> StartAsync(RelaySettings settings, IReadOnlyDictionary<string, string>? environment = null, params string[] wrapper)
    {
        var relay = new RelayProcess(wrapper, environment);
        try
        {
            relay._folder.Write("relay.toml", settings.ToToml());
            await relay.StartAsync();
            return relay;
        }
        catch
        {
            await relay.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command of the relay to its end.</summary>
    public static Task<ToolProcess> CommandAsync(params string[] arguments) => AskAsync(null, arguments);

    /// <summary>The same with a standard input.</summary>
    public static Task<ToolProcess> AskAsync(string? input, params string[] arguments) => ToolProcess.RunAsync(Program[0], [.. Program[1..], .. arguments], input);

    /// <summary>Starts on the spool and configuration that an earlier life left.</summary>
    public async Task RestartAsync()
    {
        Assert.True(Process.HasExited, "the relay still runs");
        _earlierErrors.AddRange(Process.Errors);
        await Process.DisposeAsync();
        await StartAsync();
    }

    /// <summary>Waits for a line on standard error, of this life, that has the text in it.</summary>
    public Task<string> ErrorAsync(string text, TimeSpan within) => Process.LineAsync(line => line.Contains(text, StringComparison.Ordinal), text, within);

    /// <summary>SIGHUP.</summary>
    public Task HangUpAsync() => Process.HangUpAsync();

    public Task Kill9Async() => Process.Kill9Async();

    /// <summary>SIGTERM, and the exit status.</summary>
    public async Task<int> StopAsync()
    {
        await Process.TerminateAsync();
        return await Process.ExitAsync();
    }

    public Task TerminateAsync() => Process.TerminateAsync();

    public Task FreezeAsync() => Process.FreezeAsync();

    public Task ThawAsync() => Process.ThawAsync();

    public Task<int> ExitAsync() => Process.ExitAsync();

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
            foreach (string line in Errors.TakeLast(40))
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"relay: {line}");
            }
        }

        _folder.Dispose();
    }

    public static string RepositoryRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Relay.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"no Relay.sln above {AppContext.BaseDirectory}");
    }

    private async Task StartAsync()
    {
        string[] command = [.. _wrapper, .. Program, "serve", "--config", ConfigFile];
        _process = ToolProcess.Start(command[0], command[1..], environment: _environment, folder: Folder);
        string ready = await _process.LineAsync(line => line.StartsWith("ready ", StringComparison.Ordinal), "the ready line", ReadyLimit);
        var listeners = new List<IPEndPoint>();
        foreach (string[] pair in ready.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(word => word.Split('=', 2)))
        {
            switch (pair[0])
            {
                case "relay" or "submission":
                    listeners.AddRange(pair[1].Split(',').Select(IPEndPoint.Parse));
                    break;
                case "admin":
                    Admin = new Uri($"http://{pair[1]}/");
                    break;
                default:
                    break;
            }
        }

        // At once: clients ask for it while a relay comes back.
        Listeners = listeners;
    }
}

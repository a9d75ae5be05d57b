using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;

namespace Relay.Daemon.Tests.Hosting;

/// <summary>The built relay as a process of its own, in a folder of its own. Disposing kills what still runs and deletes the folder.</summary>
internal sealed class RelayProcess : IAsyncDisposable
{
    public const int HangUp = 1;
    public const int Interrupt = 2;
    public const int Terminate = 15;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<string> _output = [];
    private readonly List<string> _errors = [];
    private Process? _process;

    public string Folder { get; } = Directory.CreateTempSubdirectory("relay-daemon-").FullName;

    public string ConfigFile => Path.Combine(Folder, "relay.toml");

    public IReadOnlyList<string> Output => Copy(_output);

    public IReadOnlyList<string> Errors => Copy(_errors);

    public int Id => _process!.Id;

    public bool HasExited => _process!.HasExited;

    /// <summary>Starts on a configuration, with everything on ports that the system chooses, and waits for the ready line.</summary>
    public static async Task<RelayProcess> ServeAsync(string config, bool readErrors = true, string[]? wrapper = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var relay = new RelayProcess();
        await File.WriteAllTextAsync(relay.ConfigFile, config);
        relay.Start(["serve", "--config", relay.ConfigFile], readErrors, wrapper, environment);
        await relay.UntilAsync(() => relay.Output.Count > 0);
        return relay;
    }

    /// <summary>Runs a command to its end, in the process's own folder.</summary>
    public async Task<int> RunAsync(params string[] arguments)
    {
        Start(arguments, true, null, null);
        return await ExitAsync();
    }

    /// <summary>The addresses of a role in the ready line.</summary>
    public IPEndPoint[] Bound(string role) =>
        [.. Output[0].Split(' ').Single(w => w.StartsWith(role + "=", StringComparison.Ordinal))[(role.Length + 1)..].Split(',').Select(IPEndPoint.Parse)];

    public void Signal(int signal) => Assert.Equal(0, Kill(Id, signal));

    public async Task<int> ExitAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        await _process!.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    /// <summary>Waits for something to become true; says what the process said when it doesn't.</summary>
    public async Task UntilAsync(Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience && !(_process!.HasExited && !condition()), string.Join('\n', [.. Output, .. Errors]));
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    public Task UntilLoggedAsync(string text) => UntilAsync(() => Errors.Any(e => e.Contains(text, StringComparison.Ordinal)));

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            if (!process.HasExited)
            {
                process.Kill();
                await process.WaitForExitAsync();
            }

            process.Dispose();
        }

        Directory.Delete(Folder, true);
    }

    private void Start(string[] arguments, bool readErrors, string[]? wrapper, IReadOnlyDictionary<string, string>? environment)
    {
        string[] command = [.. wrapper ?? [], "dotnet", Path.Combine(AppContext.BaseDirectory, "relay.dll"), .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = Folder, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, e) => Add(_output, e.Data);
        _process.ErrorDataReceived += (_, e) => Add(_errors, e.Data);
        _process.BeginOutputReadLine();
        if (readErrors)
        {
            _process.BeginErrorReadLine();
        }
    }

    private static void Add(List<string> lines, string? line)
    {
        if (line is not null)
        {
            lock (lines)
            {
                lines.Add(line);
            }
        }
    }

    private static string[] Copy(List<string> lines)
    {
        lock (lines)
        {
            return [.. lines];
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}

using System.Diagnostics;
using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A process that the test started: collects what it prints, by line, and ends with the test. Members are safe on any thread. Only this very process is ever killed.
/// </summary>
internal sealed class ToolProcess : IAsyncDisposable
{
    private static readonly TimeSpan ExitLimit = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly List<string> _output = [];
    private readonly List<string> _errors = [];
    private readonly string _name;

    private ToolProcess(string name, ProcessStartInfo start)
    {
        _name = name;
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Add(_output, line.Data);
        _process.ErrorDataReceived += (_, line) => Add(_errors, line.Data);
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    public IReadOnlyList<string> Output => Copy(_output);

    public IReadOnlyList<string> Errors => Copy(_errors);

    /// <summary>Output and errors, for the message of a failed test.</summary>
    public string Transcript => string.Join('\n', [.. Output, .. Errors]);

    public static ToolProcess Start(string file, IEnumerable<string> arguments, string? input = null, IReadOnlyDictionary<string, string>? environment = null, string? folder = null)
    {
        var start = new ProcessStartInfo(file)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.Latin1,
            StandardErrorEncoding = Encoding.Latin1,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach ((string key, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[key] = value;
        }

        var tool = new ToolProcess(Path.GetFileName(file), start);
        tool._process.Start();
        tool._process.BeginOutputReadLine();
        tool._process.BeginErrorReadLine();
        if (input is not null)
        {
            tool._process.StandardInput.Write(input);
        }

        tool._process.StandardInput.Close();
        return tool;
    }

    /// <summary>Runs a program to its end and gives it back, with its exit code and all that it printed.</summary>
    public static async Task<ToolProcess> RunAsync(string file, IEnumerable<string> arguments, string? input = null, TimeSpan? within = null, string? folder = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var tool = Start(file, arguments, input, environment, folder);
        await tool.ExitAsync(within);
        return tool;
    }

    public Task<string> LineAsync(Func<string, bool> wanted, string what, TimeSpan? within = null) => Eventually.Value(
        () => Output.Concat(Errors).FirstOrDefault(wanted) ?? (HasExited ? throw new InvalidOperationException($"{_name} ended before: {what}\n{Transcript}") : null),
        () => $"{_name}: {what}\n{Transcript}",
        within);

    /// <summary>Waits for the end, and for the last of the output.</summary>
    public async Task<int> ExitAsync(TimeSpan? within = null)
    {
        using var limit = new CancellationTokenSource(within ?? ExitLimit, TimeProvider.System);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{_name} did not end in time\n{Transcript}");
        }

        return _process.ExitCode;
    }

    public Task TerminateAsync() => SignalAsync("TERM");

    public Task HangUpAsync() => SignalAsync("HUP");

    /// <summary>Stops all threads (SIGSTOP) and waits until each has ended the system call that it was in.</summary>
    public async Task FreezeAsync()
    {
        await SignalAsync("STOP");
        await Eventually.True(() => Directory.GetDirectories($"/proc/{Id}/task").All(IsStopped), $"{_name} stops");

        // The state is the first field behind the name in parentheses. A thread that has ended since the folder was listed is as still as can be.
        static bool IsStopped(string task)
        {
            try
            {
                return File.ReadAllText($"{task}/stat") is var stat && stat[stat.LastIndexOf(')') + 2] is 'T' or 't';
            }
            catch (IOException)
            {
                return true;
            }
        }
    }

    public Task ThawAsync() => SignalAsync("CONT");

    /// <summary>Sent by kill(1), because .NET has no call for it.</summary>
    private async Task SignalAsync(string signal)
    {
        await using var kill = await RunAsync("/bin/kill", [$"-{signal}", Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        Assert.True(kill.ExitCode == 0 || HasExited, kill.Transcript);
    }

    public async Task Kill9Async()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await ExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Kill9Async();
        _process.Dispose();
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

    private static List<string> Copy(List<string> lines)
    {
        lock (lines)
        {
            return [.. lines];
        }
    }
}

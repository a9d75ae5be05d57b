using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using SmtpBlaster.Net;

namespace SmtpBlaster.Trial;

/// <summary>The relay's process: started, waited for until it takes connections, and ended by SIGTERM. What it prints goes to a file or to standard error, so that our output stays ours.</summary>
internal sealed class RelayUnderTest : IDisposable
{
    private const int Terminate = 15;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    private readonly Process _process;
    private readonly TextWriter _log;
    private readonly bool _ownsLog;
    private readonly Task _copies;

    private RelayUnderTest(Process process, TextWriter log, bool ownsLog)
    {
        (_process, _log, _ownsLog) = (process, TextWriter.Synchronized(log), ownsLog);
        _copies = Task.WhenAll(CopyAsync(process.StandardOutput), CopyAsync(process.StandardError));
    }

    /// <summary>Microseconds of processor that the process itself has used, without its children.</summary>
    public double Cpu => SmtpBlaster.Cpu.Of(_process);

    /// <summary>Throws IOException when the command can't be started.</summary>
    public static RelayUnderTest Start(IReadOnlyList<string> command, string? logFile)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        try
        {
            TextWriter log = logFile is null ? Console.Error : new StreamWriter(logFile) { AutoFlush = true };
            Process process = Process.Start(start)!;
            process.StandardInput.Close();
            return new RelayUnderTest(process, log, logFile is not null);
        }
        catch (Exception e) when (e is Win32Exception or UnauthorizedAccessException)
        {
            throw new IOException($"{command[0]} can't be started: {e.Message}", e);
        }
    }

    /// <summary>Null when the target takes connections, or why it won't.</summary>
    public async Task<string?> WaitAsync(IPEndPoint target, TimeSpan limit, CancellationToken stop)
    {
        using var timeout = new CancellationTokenSource(limit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, stop);
        using var timer = new PeriodicTimer(Poll, TimeProvider.System);
        while (true)
        {
            if (_process.HasExited)
            {
                return FormattableString.Invariant($"the relay ended with status {_process.ExitCode} before it took connections on {target}");
            }

            try
            {
                using var probe = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                await probe.ConnectAsync(target, either.Token).ConfigureAwait(false);
                return null;
            }
            catch (SocketException)
            {
                // Not yet.
            }
            catch (OperationCanceledException)
            {
                return stop.IsCancellationRequested ? "stopped" : $"the relay takes no connections on {target}";
            }

            try
            {
                await timer.WaitForNextTickAsync(either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return stop.IsCancellationRequested ? "stopped" : $"the relay takes no connections on {target}";
            }
        }
    }

    /// <summary>Asks it to end, and kills it when it doesn't within half a minute. Null, or what was not in order.</summary>
    public async Task<string?> StopAsync()
    {
        bool early = _process.HasExited;
        if (!early)
        {
            _ = Linux.Kill(_process.Id, Terminate);
        }

        using var grace = new CancellationTokenSource(Grace, TimeProvider.System);
        try
        {
            await _process.WaitForExitAsync(grace.Token).ConfigureAwait(false);
            await _copies.WaitAsync(grace.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            return "the relay didn't end within 30 s of SIGTERM and was killed";
        }

        return early ? FormattableString.Invariant($"the relay ended by itself, with status {_process.ExitCode}") : null;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
        if (_ownsLog)
        {
            _log.Dispose();
        }
    }

    private async Task CopyAsync(StreamReader from)
    {
        while (await from.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            await _log.WriteLineAsync(line).ConfigureAwait(false);
        }
    }
}

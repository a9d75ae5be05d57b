using System.Globalization;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// strace attached to chosen threads of a running relay, to have their system calls fail, come late, or end the process. From the attachment on, every thread counts its
/// calls anew: "when=1" is the next one. Disposing detaches.
/// </summary>
internal sealed class FaultInjection : IAsyncDisposable
{
    /// <summary>The thread that writes and syncs the log.</summary>
    public const string Committer = "spool committer";

    /// <summary>The threads that write and sync the large messages' own files.</summary>
    public const string Bodies = "spool bodies";

    /// <summary>The thread that makes and recycles segments and unlinks.</summary>
    public const string Upkeep = "spool upkeep";

    /// <summary>All threads, those to come as well.</summary>
    public const string All = "all";

    private readonly ToolProcess _strace;

    private FaultInjection(ToolProcess strace) => _strace = strace;

    /// <summary>Injects into the threads of this name, each injection as strace(1) has it: "fdatasync:error=EIO:when=3". Skips the test where tracing isn't permitted.</summary>
    public static async Task<FaultInjection> AttachAsync(RelayProcess relay, string thread, params string[] injections)
    {
        List<string> threads =
        [
            .. Directory.GetDirectories($"/proc/{relay.Id}/task").Where(task => thread == All || NameOf(task) == thread).Select(task => Path.GetFileName(task)!),
        ];
        Assert.True(threads.Count > 0, $"the relay has no thread \"{thread}\"");
        string[] targets = thread == All ? ["-f", "-p", relay.Id.ToString(CultureInfo.InvariantCulture)] : [.. threads.SelectMany(id => (string[])["-p", id])];
        string calls = string.Join(',', injections.Select(injection => injection.Split(':')[0]));
        ToolProcess strace = ToolProcess.Start(
            Tool.Find("strace", "strace"),
            ["-qq", "-o", "/dev/null", "-e", $"trace={calls}", .. injections.SelectMany(injection => (string[])["-e", $"inject={injection}"]), .. targets]);
        await Eventually.True(() => strace.HasExited || threads.TrueForAll(id => IsTraced(relay, id, strace.Id)), "strace is attached");
        if (strace.HasExited)
        {
            await strace.ExitAsync();
            string reason = strace.Transcript;
            if (reason.Length == 0)
            {
                // Without a complaint it has ended with what it traced: the relay made the call of its own accord, and was killed at it before anybody looked.
                return new FaultInjection(strace);
            }

            await strace.DisposeAsync();
            Assert.SkipWhen(reason.Contains("Operation not permitted", StringComparison.Ordinal), $"ptrace is not permitted here: {reason}");
            Assert.Fail(reason);
        }

        return new FaultInjection(strace);
    }

    public async ValueTask DisposeAsync()
    {
        // At the signal it lets go of the threads before it ends.
        await _strace.TerminateAsync();
        await _strace.ExitAsync();
        await _strace.DisposeAsync();
    }

    /// <summary>A thread's name, or null where it has ended since its folder was listed: the pool's come and go at any time.</summary>
    private static string? NameOf(string task)
    {
        try
        {
            return File.ReadAllText($"{task}/comm").Trim();
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static bool IsTraced(RelayProcess relay, string thread, int tracer)
    {
        try
        {
            return File.ReadLines($"/proc/{relay.Id}/task/{thread}/status").Any(line => line == $"TracerPid:\t{tracer}");
        }
        catch (IOException)
        {
            // A thread that has ended meanwhile.
            return true;
        }
    }
}

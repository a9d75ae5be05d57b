using System.Globalization;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A mount namespace of one test's own: what is mounted in it nobody else sees, and the kernel unmounts it (and detaches its loop devices) when the last process in it has
/// ended. The process that holds it open ends with the test's process, however that ends.
/// </summary>
internal sealed class MountNamespace : IAsyncDisposable
{
    private readonly ToolProcess _holder;
    private readonly string _nsenter;

    private MountNamespace(ToolProcess holder, string nsenter)
    {
        _holder = holder;
        _nsenter = nsenter;
    }

    /// <summary>What runs a program inside, as its own process image.</summary>
    public string[] Wrapper => [_nsenter, "--mount", "--target", _holder.Id.ToString(CultureInfo.InvariantCulture), "--"];

    /// <summary>Skips the test where mounting isn't allowed.</summary>
    public static async Task<MountNamespace> CreateAsync()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "mounting needs root");
        string unshare = Tool.Find("unshare", "util-linux");
        string nsenter = Tool.Find("nsenter", "util-linux");
        ToolProcess holder = ToolProcess.Start(
            unshare,
            ["--mount", "--propagation", "private", "/bin/sh", "-c", "echo held; while [ -d /proc/$0 ]; do sleep 1; done", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)]);
        await Eventually.True(() => holder.HasExited || holder.Output.Contains("held"), "a mount namespace");
        if (holder.HasExited)
        {
            string reason = holder.Transcript;
            await holder.DisposeAsync();
            Assert.Skip($"no mount namespace to be had: {reason}");
        }

        return new MountNamespace(holder, nsenter);
    }

    /// <summary>A path inside, as seen from outside.</summary>
    public string Outside(string path) => $"/proc/{_holder.Id}/root{path}";

    public Task<ToolProcess> RunAsync(string file, params string[] arguments) => ToolProcess.RunAsync(Wrapper[0], [.. Wrapper[1..], file, .. arguments]);

    public ValueTask DisposeAsync() => _holder.DisposeAsync();
}

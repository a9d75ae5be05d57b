using System.Globalization;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// Two machines with a cable between them: network namespaces of one test's own, which are gone when the last process in them has ended. The processes that hold them open end with the test's process, however that ends.
/// </summary>
internal sealed class NetworkPair : IAsyncDisposable
{
    public const string NearAddress = "10.99.0.1";
    public const string FarAddress = "10.99.0.2";

    private readonly ToolProcess _near;
    private readonly ToolProcess _far;
    private readonly string _nsenter;

    private NetworkPair(ToolProcess near, ToolProcess far, string nsenter)
    {
        _near = near;
        _far = far;
        _nsenter = nsenter;
    }

    /// <summary>What runs a program on the near machine, as its own process image.</summary>
    public string[] Near => Wrapper(_near);

    public string[] Far => Wrapper(_far);

    /// <summary>Skips the test where that isn't allowed.</summary>
    public static async Task<NetworkPair> CreateAsync()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "network namespaces need root");
        string ip = Tool.Find("ip", "iproute2");
        var pair = new NetworkPair(await HoldAsync(), await HoldAsync(), Tool.Find("nsenter", "util-linux"));
        await pair.RunAsync(pair.Near, ip, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", pair._far.Id.ToString(CultureInfo.InvariantCulture));
        foreach ((string[] wrapper, string address) in new[] { (pair.Near, NearAddress), (pair.Far, FarAddress) })
        {
            await pair.RunAsync(wrapper, ip, "address", "add", address + "/24", "dev", "cable");
            await pair.RunAsync(wrapper, ip, "link", "set", "lo", "up");
            await pair.RunAsync(wrapper, ip, "link", "set", "cable", "up");
        }

        return pair;
    }

    /// <summary>Pulls the cable, or puts it back.</summary>
    public Task CableAsync(bool isIn) => RunAsync(Near, Tool.Find("ip", "iproute2"), "link", "set", "cable", isIn ? "up" : "down");

    /// <summary>Runs a program to its end, which must be a good one.</summary>
    public async Task RunAsync(string[] wrapper, string file, params string[] arguments)
    {
        await using ToolProcess tool = await ToolProcess.RunAsync(wrapper[0], [.. wrapper[1..], file, .. arguments]);
        Assert.True(tool.ExitCode == 0, $"{file} {string.Join(' ', arguments)}: {tool.Transcript}");
    }

    public async ValueTask DisposeAsync()
    {
        await _near.DisposeAsync();
        await _far.DisposeAsync();
    }

    private string[] Wrapper(ToolProcess holder) => [_nsenter, "--net", "--target", holder.Id.ToString(CultureInfo.InvariantCulture), "--"];

    private static async Task<ToolProcess> HoldAsync()
    {
        ToolProcess holder = ToolProcess.Start(
            Tool.Find("unshare", "util-linux"),
            ["--net", "/bin/sh", "-c", "echo held; while [ -d /proc/$0 ]; do sleep 1; done", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)]);
        await Eventually.True(() => holder.HasExited || holder.Output.Contains("held"), "a network namespace");
        if (holder.HasExited)
        {
            string reason = holder.Transcript;
            await holder.DisposeAsync();
            Assert.Skip($"no network namespace to be had: {reason}");
        }

        return holder;
    }
}

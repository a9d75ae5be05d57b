using System.Diagnostics;
using System.Globalization;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Ten thousand clients that do nothing (in the long form twenty thousand, also in TLS): what they cost, and that the others don't notice them.</summary>
[Collection<Alone>]
public sealed class CrowdTests
{
    /// <summary>Both processes need a file for each connection, and the relay keeps 512 for its own.</summary>
    private const int OtherFiles = 600;

    private static readonly RelaySettings Roomy = new() { Listeners = ["starttls", "implicit"], Limits = "connections = 60000\nconnections_per_address = 60000" };

    [Theory]
    [InlineData(false, 10_000, 16 * 1024)]
    [InlineData(true, 1_000, 80 * 1024)]
    public async Task Idle_clients_cost_little_and_leave_the_others_as_quick(bool tls, int usual, long most)
    {
        int allowed = await OpenFilesAsync() - OtherFiles;
        int count = Math.Min(LongForm.Wanted ? 20_000 : usual, allowed);
        await using RelayProcess relay = await RelayProcess.StartAsync(Roomy);
        // What the first sessions of any kind bring into memory (code, pools, TLS itself) isn't the crowd's.
        using (IdleCrowd first = await IdleCrowd.GatherAsync(relay.Listeners[tls ? 1 : 0], 200, tls))
        {
        }

        TimeSpan[] alone = await NoopsAsync(relay);
        long before = relay.Memory;

        using IdleCrowd crowd = await IdleCrowd.GatherAsync(relay.Listeners[tls ? 1 : 0], count, tls);
        long each = (relay.Memory - before) / count;
        TimeSpan[] among = await NoopsAsync(relay);
        TimeSpan idle = await ProcessorTimeOfASecondAsync(relay);

        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"{crowd.Count} idle connections {(tls ? "in TLS" : "in clear")}: {each} octets each; NOOP p99 {Percentile99(alone).TotalMicroseconds:0} us alone, {Percentile99(among).TotalMicroseconds:0} us among them; {idle.TotalMilliseconds:0} ms of processor in a second"));
        Assert.Equal(count, crowd.Count);
        Assert.True(each < most, $"{each} octets for each idle connection");
        Assert.True(Percentile99(among) < TimeSpan.FromSeconds(1), "the other session waited");
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        Assert.StartsWith("250 2.0.0 queued as ", await client.SendMessageAsync("a@from.test", "b@to.test", TestMessage.Create(new Random(5), 4000).Content), StringComparison.Ordinal);
        Assert.Equal(0, await relay.StopAsync());
    }

    /// <summary>The limit of open files to which a process of this machine can raise itself: the relay does, and .NET does for the test.</summary>
    private static async Task<int> OpenFilesAsync()
    {
        string[] limits = await File.ReadAllLinesAsync("/proc/self/limits", TestContext.Current.CancellationToken);
        string hard = limits.Single(static line => line.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[4];
        return int.Parse(hard, CultureInfo.InvariantCulture);
    }

    private static TimeSpan Percentile99(TimeSpan[] sorted) => sorted[sorted.Length * 99 / 100];

    private static async Task<TimeSpan[]> NoopsAsync(RelayProcess relay)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        var times = new TimeSpan[50];
        for (int i = 0; i < times.Length; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Assert.StartsWith("250 ", await client.CommandAsync("NOOP"), StringComparison.Ordinal);
            times[i] = Stopwatch.GetElapsedTime(start);
        }

        Array.Sort(times);
        return times;
    }

    private static async Task<TimeSpan> ProcessorTimeOfASecondAsync(RelayProcess relay)
    {
        TimeSpan before = relay.ProcessorTime;
        await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, TestContext.Current.CancellationToken);
        return relay.ProcessorTime - before;
    }
}

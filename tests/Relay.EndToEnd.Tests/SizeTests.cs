using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Much mail in the spool: what it costs in memory, how soon a restart listens and has found it all, and that it leaves as fast as ever. The long form is a million messages, and 10 GB of large ones.</summary>
[Collection<Alone>]
public sealed partial class SizeTests
{
    private const long MiB = 1024 * 1024;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(LongForm.Wanted ? 40 : 3);

    public static TheoryData<int, int> Loads => LongForm.Wanted ? new() { { 1_000_000, 4096 }, { 1000, 10 * 1024 * 1024 } } : new() { { 20_000, 4096 }, { 20, 10 * 1024 * 1024 } };

    [Theory]
    [MemberData(nameof(Loads))]
    public async Task A_deep_queue_is_found_again_soon_and_leaves_as_fast_as_ever(int messages, int length)
    {
        // Takes connections and never greets: the mail waits, and nothing is tried over and over.
        using var silent = new TcpListener(IPAddress.Parse("127.0.0.2"), 0);
        silent.Start(100);
        RelaySettings held = Toward("127.0.0.2", ((IPEndPoint)silent.LocalEndpoint).Port);
        await using RelayProcess relay = await RelayProcess.StartAsync(held);
        long empty = relay.Memory;
        long start = Stopwatch.GetTimestamp();
        await SmtpSource.SendAsync("127.0.0.1", relay.Port, messages, 50, length, "box@to.test");
        double accepted = messages / Stopwatch.GetElapsedTime(start).TotalSeconds;
        long full = relay.Memory;

        await relay.Kill9Async();
        start = Stopwatch.GetTimestamp();
        await relay.RestartAsync();
        TimeSpan listening = Stopwatch.GetElapsedTime(start);
        string found = await Eventually.Value(() => relay.LifeErrors.FirstOrDefault(static line => FoundLine().IsMatch(line)), "the end of the recovery", Limit);
        TimeSpan recovered = Stopwatch.GetElapsedTime(start);
        Assert.Equal(messages, int.Parse(FoundLine().Match(found).Groups["count"].Value, CultureInfo.InvariantCulture));
        long again = relay.Memory;

        await relay.Kill9Async();
        int port = FreePort.On("127.0.0.3");
        await using ToolProcess sink = ToolProcess.Start(Tool.Find("smtp-sink", "postfix"), ["-u", "nobody", "-m", "1000", $"127.0.0.3:{port}", "1000"]);
        await Eventually.True(() => Listening.On("127.0.0.3", port), "the sink listens");
        await File.WriteAllTextAsync(relay.ConfigFile, Toward("127.0.0.3", port).ToToml(), TestContext.Current.CancellationToken);
        await relay.RestartAsync();
        start = Stopwatch.GetTimestamp();
        await DeliveredAsync(relay, messages / 10);
        double first = messages / 10 / Stopwatch.GetElapsedTime(start).TotalSeconds;
        await DeliveredAsync(relay, messages - (messages / 10));
        long last = Stopwatch.GetTimestamp();
        await DeliveredAsync(relay, messages);
        double end = messages / 10 / Stopwatch.GetElapsedTime(last).TotalSeconds;

        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"{messages} queued messages of {length} octets: accepted {accepted:0}/s; {(full - empty) / MiB} MiB, {(full - empty) / messages} octets each (after a restart {again / MiB} MiB in all); " +
            $"after kill -9 listening in {listening.TotalSeconds:0.00} s, all found in {recovered.TotalSeconds:0.0} s; delivered {first:0}/s of the first tenth, {end:0}/s of the last"));
        Assert.Equal(0, await relay.StopAsync());
    }

    [Fact]
    public async Task In_the_long_run_disk_memory_and_files_stay_where_they_are()
    {
        // An hour at a hundred a second, as fast as it will go.
        int rounds = 10;
        int each = LongForm.Wanted ? 36_000 : 1000;
        int port = FreePort.On("127.0.0.3");
        await using ToolProcess sink = ToolProcess.Start(Tool.Find("smtp-sink", "postfix"), ["-u", "nobody", "-m", "1000", $"127.0.0.3:{port}", "1000"]);
        await Eventually.True(() => Listening.On("127.0.0.3", port), "the sink listens");
        await using RelayProcess relay = await RelayProcess.StartAsync(Toward("127.0.0.3", port));
        string spool = Path.Combine(relay.Folder, "spool");
        var disk = new List<long>();
        var memory = new List<long>();
        var files = new List<int>();
        for (int round = 1; round <= rounds; round++)
        {
            await SmtpSource.SendAsync("127.0.0.1", relay.Port, each, 50, 4096, "box@to.test");
            await DeliveredAsync(relay, each * round);
            disk.Add(new DirectoryInfo(spool).EnumerateFiles().Sum(static file => file.Length));
            memory.Add(relay.Memory);
            files.Add(relay.OpenFiles);
        }

        Figure.Report($"{rounds * each} messages through: MiB of spool {string.Join(' ', disk.Select(static d => d / MiB))}; MiB of memory {string.Join(' ', memory.Select(static m => m / MiB))}; open files {string.Join(' ', files)}");
        Assert.InRange(disk[^1], 0, disk[rounds / 2] * 5 / 4);
        Assert.InRange(memory[^1], 0, (memory[rounds / 2] * 5 / 4) + (32 * MiB));
        Assert.InRange(files[^1], 0, files[rounds / 2] + 50);
        Assert.Equal(0, await relay.StopAsync());
    }

    private static RelaySettings Toward(string address, int port) => RelaySettings.SmartHost(address, port) with { Delivery = "[delivery.timeouts]\ngreeting = \"1h\"", Limits = "connections_per_address = 1000" };

    private static async Task DeliveredAsync(RelayProcess relay, int count)
    {
        using var metrics = new Metrics(relay);
        await Eventually.True(() => metrics.Settled("delivered") >= count, $"{count} messages delivered", Limit);
    }

    [GeneratedRegex("""(?<count>\d+) undelivered messages found""", RegexOptions.NonBacktracking)]
    private static partial Regex FoundLine();
}

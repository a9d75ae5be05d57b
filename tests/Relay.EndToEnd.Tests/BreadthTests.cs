using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Very many domains on few sets of hosts: what they cost in memory, how evenly the hosts are served, and how fast, beside a single domain. The long form has a million messages for 100,000 domains.</summary>
[Collection<Alone>]
public sealed class BreadthTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(LongForm.Wanted ? 30 : 3);

    public static TheoryData<int, int, int> Loads => LongForm.Wanted ? new() { { 1_000_000, 100_000, 200 }, { 200_000, 1, 1 } } : new() { { 10_000, 2000, 20 }, { 10_000, 1, 1 } };

    [Theory]
    [MemberData(nameof(Loads))]
    public async Task Many_domains_on_few_hosts_share_them_evenly(int messages, int domains, int sets)
    {
        await using var dns = new StubDns(
            name => name.StartsWith('d') ? $"mx{Number(name) % sets}.hosts.test" : null,
            static name => name.StartsWith("mx", StringComparison.Ordinal) ? $"127.1.0.{Number(name) + 1}" : null);
        // Takes connections and never greets: the mail waits.
        using var silent = new TcpListener(IPAddress.Any, 0);
        silent.Start(4000);
        await using RelayProcess relay = await RelayProcess.StartAsync(Toward(dns, ((IPEndPoint)silent.LocalEndpoint).Port));
        long empty = relay.Memory;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(part => FillAsync(relay, part, messages, domains)));
        double accepted = messages / Stopwatch.GetElapsedTime(start).TotalSeconds;
        long full = relay.Memory;

        await relay.Kill9Async();
        int port = FreePort.On("127.1.0.1");
        await using ToolProcess sink = ToolProcess.Start(Tool.Find("smtp-sink", "postfix"), ["-u", "nobody", "-m", "4000", $"0.0.0.0:{port}", "4000"]);
        await Eventually.True(() => Listening.On("0.0.0.0", port), "the sink listens");
        await File.WriteAllTextAsync(relay.ConfigFile, Toward(dns, port).ToToml(), TestContext.Current.CancellationToken);
        start = Stopwatch.GetTimestamp();
        DateTimeOffset restarted = TimeProvider.System.GetUtcNow();
        await relay.RestartAsync();
        using var metrics = new Metrics(relay);
        await Eventually.True(() => metrics.Settled("delivered") > 0, "the first delivery", Limit);
        TimeSpan first = Stopwatch.GetElapsedTime(start);
        TimeSpan cpu = relay.ProcessorTime;
        long begun = Stopwatch.GetTimestamp();
        await Eventually.Value(() => metrics.Settled("delivered") >= messages ? "all" : null, () => $"{messages} deliveries; there are {metrics.Settled("delivered")}", Limit, TimeSpan.FromSeconds(1));
        double rate = messages / Stopwatch.GetElapsedTime(begun).TotalSeconds;
        cpu = relay.ProcessorTime - cpu;
        double opened = metrics.Value("relay_outbound_opened_total");
        Assert.Equal(0, await relay.StopAsync());

        // Of each set of hosts, how long its mail waited since the restart.
        var waits = new (double Sum, int Count, double Last)[sets];
        foreach (string line in File.ReadLines(Path.Combine(relay.Folder, "deliveries.jsonl")).Where(static l => l.Contains("\"event\":\"delivered\"", StringComparison.Ordinal)))
        {
            ref (double Sum, int Count, double Last) wait = ref waits[Number(Text(line, "\"to\":\"user@")) % sets];
            double waited = (DateTimeOffset.Parse(Text(line, "\"time\":\""), CultureInfo.InvariantCulture) - restarted).TotalSeconds;
            wait = (wait.Sum + waited, wait.Count + 1, Math.Max(wait.Last, waited));
        }

        double[] means = [.. waits.Select(static w => w.Sum / w.Count).Order()];
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"{messages} messages for {domains} domains on {sets} sets of hosts: accepted {accepted:0}/s; {(full - empty) / messages} octets of memory each; after kill -9 the first delivery at {first.TotalSeconds:0.0} s; delivered {rate:0}/s with {cpu.TotalMicroseconds / messages:0} us of processor and {opened / messages:0.0000} connections a message; " +
            $"mean wait of a set {means[0]:0.00} to {means[^1]:0.00} s ({means[^1] / means[0]:0.00} times), the last of each {waits.Min(static w => w.Last):0.0} to {waits.Max(static w => w.Last):0.0} s; {dns.Questions} questions to DNS"));
        Assert.Equal(messages, waits.Sum(static w => w.Count));
        if (sets > 1)
        {
            Assert.InRange(means[^1] / means[0], 1, 3);
        }
    }

    private static RelaySettings Toward(StubDns dns, int port) => new()
    {
        Dns = $"servers = [\"{dns.EndPoint}\"]",
        Delivery = $"port = {port}\n[delivery.timeouts]\ngreeting = \"1h\"",
        Limits = "connections_per_address = 1000",
        Log = "level = \"warning\"",
    };

    private static async Task FillAsync(RelayProcess relay, int part, int messages, int domains)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        byte[] content = TestMessage.Create(new Random(part), 1000).Content;
        for (int i = part; i < messages; i += 50)
        {
            Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", $"user@d{i % domains}.test", content), StringComparison.Ordinal);
        }
    }

    /// <summary>The digits behind the letters that a name begins with.</summary>
    private static int Number(string name) => int.Parse([.. name.SkipWhile(static c => !char.IsAsciiDigit(c)).TakeWhile(char.IsAsciiDigit)], CultureInfo.InvariantCulture);

    private static string Text(string line, string behind)
    {
        int start = line.IndexOf(behind, StringComparison.Ordinal) + behind.Length;
        return line[start..line.IndexOf('"', start)];
    }
}

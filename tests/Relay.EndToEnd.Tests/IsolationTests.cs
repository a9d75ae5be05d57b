using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Dead destinations beside a healthy one, through the shipped relay: theirs wait with a reason, and the healthy one's mail is as fast as without them.</summary>
[Collection<Alone>]
public sealed class IsolationTests
{
    private const string Healthy = "127.0.0.2";

    private static readonly int Dead = LongForm.Wanted ? 100 : 20;
    private static readonly int EachDead = LongForm.Wanted ? 100 : 10;

    /// <summary>How long a dead one is waited for, each time.</summary>
    private static readonly string Wait = LongForm.Wanted ? "\"3s\"" : "\"2s\"";

    private static readonly TimeSpan Span = TimeSpan.FromSeconds(LongForm.Wanted ? 30 : 4);

    [Fact]
    public async Task Destinations_that_are_dead_in_every_way_do_not_slow_down_a_healthy_one()
    {
        string[] addresses = [.. Enumerable.Range(0, Dead).Select(static i => $"127.0.1.{i + 1}")];
        int port = FreePort.On([Healthy, .. addresses]);
        DeadServer.Death[] deaths = Enum.GetValues<DeadServer.Death>();
        var servers = new List<DeadServer>();
        var arrivals = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        try
        {
            servers.AddRange(addresses.Select((address, i) => DeadServer.Start(address, port, deaths[i % deaths.Length])));
            await using DnsServer dns = await DnsServer.StartAsync(
                [("ok.test", 10, "mx.ok.test", Healthy), .. addresses.Select((address, i) => ($"d{i}.test", 10, $"mx.d{i}.test", address))]);
            await using ScriptedServer healthy = ScriptedServer.Start(
                new ServerScript
                {
                    KeepRecords = false,
                    OnMessage = message =>
                    {
                        arrivals.TryAdd(Ledger.IdOf(message), message.At);
                        return null;
                    },
                }, Healthy, port);
            await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings
            {
                Dns = $"servers = [\"{dns.EndPoint}\"]",
                Delivery = $"port = {port}\n[delivery.timeouts]\nconnect = {Wait}\ngreeting = {Wait}\ncommand = {Wait}\ndata = {Wait}\nbody = {Wait}\nend_of_data = {Wait}",
                Log = "level = \"warning\"",
                Limits = "connections_per_address = 1000",
            });

            // The first time around everything is slow: the code isn't compiled yet.
            await PaceAsync(relay, arrivals);
            TimeSpan[] alone = await PaceAsync(relay, arrivals);
            await Task.WhenAll(Enumerable.Range(0, 10).Select(part => FillAsync(relay, part)));
            TimeSpan[] beside = await PaceAsync(relay, arrivals);
            Figure.Report(string.Create(CultureInfo.InvariantCulture,
                $"{Dead} dead destinations with {EachDead} messages each: the healthy one's mail takes p50 {At(alone, 0.5):0.0} ms and p99 {At(alone, 0.99):0.0} ms without them, {At(beside, 0.5):0.0} and {At(beside, 0.99):0.0} ms with them ({alone.Length} and {beside.Length} messages)"));
            await Eventually.Value(
                () => PutOff(relay) == Dead * EachDead ? "all" : null,
                () => $"the {Dead * EachDead} messages for the dead are put off, each with a reason; {PutOff(relay)} are",
                TimeSpan.FromMinutes(LongForm.Wanted ? 8 : 2));
            Assert.DoesNotContain(relay.Deliveries.Read(), static r => r.Event is "bounced" or "expired");
        }
        finally
        {
            foreach (DeadServer server in servers)
            {
                await server.DisposeAsync();
            }
        }
    }

    private static int PutOff(RelayProcess relay) => relay.Deliveries.Read()
        .Where(static r => r.Event == "deferred" && r.Json.GetProperty("reply").GetProperty("text").GetString() is { Length: > 0 })
        .Select(static r => r.Id)
        .Distinct()
        .Count();

    /// <summary>A hundred messages a second to the healthy one: from the beginning of MAIL to their arrival.</summary>
    private static async Task<TimeSpan[]> PaceAsync(RelayProcess relay, ConcurrentDictionary<string, long> arrivals)
    {
        var sent = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async part =>
        {
            using RawClient client = await RawClient.ConnectAsync(relay.Listener);
            await client.HelloAsync();
            // Each phase has messages of its own: no seed.
            var random = new Random();
            long start = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(start) < Span)
            {
                TestMessage message = TestMessage.Create(random, 2000);
                sent[message.Id] = Stopwatch.GetTimestamp();
                string reply = await client.SendMessageAsync("sender@from.test", "user@ok.test", message.Content);
                Assert.StartsWith("250 ", reply, StringComparison.Ordinal);
                await Task.Delay(TimeSpan.FromMilliseconds(40), TimeProvider.System, TestContext.Current.CancellationToken);
            }
        }));
        await Eventually.Value(() => sent.Keys.All(arrivals.ContainsKey) ? "all" : null, () => $"{sent.Count} messages for the healthy one; {sent.Keys.Count(arrivals.ContainsKey)} have arrived");
        return [.. sent.Select(s => Stopwatch.GetElapsedTime(s.Value, arrivals[s.Key])).Order()];
    }

    [Fact]
    public async Task Recipients_who_are_put_off_leave_the_others_as_fast_as_they_were()
    {
        int messages = LongForm.Wanted ? 200_000 : 6000;
        // The first round warms up the machine and counts for nothing.
        await RateAsync(messages / 2, 0);
        double all = await RateAsync(messages, 0);
        double rest = await RateAsync(messages, 0.2);
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"{messages} messages: {all:0} delivered in a second; with a fifth of them put off {rest:0}, which is {rest / all / 0.8 * 100:0} % of four fifths"));
    }

    /// <summary>Messages delivered in a second while a share of the recipients is answered 450.</summary>
    private static async Task<double> RateAsync(int messages, double deferred)
    {
        await using var sink = new ReceiptSink(deferred);
        RelaySettings settings = RelaySettings.SmartHost(sink.Address, sink.Port) with { Retry = "1h", Limits = "connections_per_address = 1000" };
        await using RelayProcess relay = await RelayProcess.StartAsync(settings);
        using var metrics = new Metrics(relay);
        long start = Stopwatch.GetTimestamp();
        await SmtpSource.SendAsync("127.0.0.1", relay.Port, messages, 50, 4096, "box@to.test");
        await Eventually.True(() => metrics.Settled("delivered") + metrics.Settled("deferred") >= messages, $"{messages} messages tried", TimeSpan.FromMinutes(5));
        double rate = sink.Count / Stopwatch.GetElapsedTime(start).TotalSeconds;
        // What a recipient is told says nothing about the server. On a busy machine it may become slow, which is another matter.
        Assert.DoesNotContain(relay.Errors, static line => line.Contains("connections at a time, because of: ", StringComparison.Ordinal) && !line.Contains("because of: latency ", StringComparison.Ordinal));
        return rate;
    }

    private static async Task FillAsync(RelayProcess relay, int part)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        var random = new Random();
        for (int i = part; i < Dead * EachDead; i += 10)
        {
            TestMessage message = TestMessage.Create(random, 2000);
            string reply = await client.SendMessageAsync("sender@from.test", $"user@d{i % Dead}.test", message.Content);
            Assert.StartsWith("250 ", reply, StringComparison.Ordinal);
        }
    }

    private static double At(TimeSpan[] sorted, double share) => sorted[Math.Min((int)(sorted.Length * share), sorted.Length - 1)].TotalMilliseconds;
}

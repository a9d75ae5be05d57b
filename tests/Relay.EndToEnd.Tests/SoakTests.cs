using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>
/// Steady load with all troubles at once and kills in between. The long form is an hour (RELAY_SOAK_MINUTES) at 1200 messages a second (RELAY_SOAK_RATE), which is less than half of what the relay does beside its load on two
/// processors, with a kill every sixth of it.
/// </summary>
public sealed partial class SoakTests
{
    private const int Domains = 48;
    private const int FirstDnsTrouble = 40;
    private const int FirstSilent = 44;
    private const int FirstCut = 46;
    private const string SinkAddress = "127.0.0.2";
    private const string SilentAddress = "127.0.0.3";
    private const string CutAddress = "127.0.0.4";

    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    private static readonly double Minutes = LongForm.Wanted ? Number("RELAY_SOAK_MINUTES", 60) : 8.0 / 60;
    private static readonly int Rate = LongForm.Wanted ? (int)Number("RELAY_SOAK_RATE", 1200) : 150;
    private static readonly int Kills = LongForm.Wanted ? 5 : 2;

    private static readonly TimeSpan Length = TimeSpan.FromMinutes(Minutes);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(LongForm.Wanted ? 1 : 0.2);
    private static readonly TimeSpan Phase = LongForm.Wanted ? TimeSpan.FromSeconds(Math.Min(60, Minutes * 60 / 12)) : TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(LongForm.Wanted ? 60 : 3);

    private static readonly StubDns.Illness[] Illnesses = [StubDns.Illness.ServFail, StubDns.Illness.Silent, StubDns.Illness.Truncated];

    private static readonly DeadServer.Death[] Deaths =
        [DeadServer.Death.NeverGreets, DeadServer.Death.SilentAfterEhlo, DeadServer.Death.SilentAfterRcpt, DeadServer.Death.TakesNoBody, DeadServer.Death.SilentAfterBody];

    /// <summary>Nothing of warnings and errors that isn't understood.</summary>
    private static readonly string[] ExpectedLines = [];

    [Fact]
    public async Task NET13_under_steady_load_with_faults_and_kills_nothing_is_lost_and_nothing_grows()
    {
        int relayPort = FreePort.On("127.0.0.1");
        int port = FreePort.On(SinkAddress, SilentAddress, CutAddress);
        await using var dns = new StubDns(ExchangerOf, AddressOf) { IsIllFor = HasDnsTrouble, TimeToLive = 5 };
        var sink = new IPEndPoint(IPAddress.Parse(SinkAddress), port);
        await using var cutting = new CuttingProxy(new IPEndPoint(IPAddress.Parse(CutAddress), port), sink);
        string patience = LongForm.Wanted ? "5s" : "1s";
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings
        {
            ListenPort = relayPort,
            Dns = $"servers = [\"{dns.EndPoint}\"]",
            Retry = LongForm.Wanted ? "10s" : "1s",
            Limits = "connections_per_address = 1000",
            Delivery = $"port = {port}\n[delivery.timeouts]\nconnect = \"{patience}\"\ngreeting = \"{patience}\"\ncommand = \"{patience}\"\ndata = \"{patience}\"\nbody = \"{patience}\"\nend_of_data = \"{patience}\"",
            Log = "level = \"warning\"",
        });
        await using LoadRun load = LoadRun.Start(
            new IPEndPoint(IPAddress.Loopback, relayPort), sink,
            "--rate", $"{Rate}", "--sessions", "50", "--duration", string.Create(Invariant, $"{Length.TotalSeconds:0}s"), "--size", "list:4KiB*95,16KiB*4,100KiB*1",
            "--to", "u{n}@d{d}.soak.test", "--to-domains", $"{Domains}", "--give-up", "60s", "--settle", LongForm.Wanted ? "3m" : "20s", "--linger", LongForm.Wanted ? "40s" : "1s", "--interval", "1s");
        var tally = new DeliveryTally(relay, IsTroubled);
        var samples = new List<Vitals>();
        IAsyncDisposable silent = Well();
        try
        {
            long start = Stopwatch.GetTimestamp();
            int kills = 0, phases = -1;
            TimeSpan turned = TimeSpan.Zero;
            var metrics = new Metrics(relay);
            using var looks = new PeriodicTimer(Look, TimeProvider.System);
            for (TimeSpan now = TimeSpan.Zero; now < Length; now = Stopwatch.GetElapsedTime(start))
            {
                // Two thirds of a phase are ill, so that mail for the ill comes through in between.
                int phase = (int)(now / Phase);
                bool ill = (now / Phase) - phase < 2.0 / 3;
                if (phase > phases && ill)
                {
                    phases = phase;
                    dns.Ill = Illnesses[phase % Illnesses.Length];
                    await silent.DisposeAsync();
                    silent = DeadServer.Start(SilentAddress, port, Deaths[phase % Deaths.Length]);
                    cutting.Share = 1.0 / 3;
                }
                else if (!ill && silent is DeadServer)
                {
                    await RecoverAsync();
                }

                if (now > (kills + 1) * Length / (Kills + 1))
                {
                    await relay.Kill9Async();
                    await relay.RestartAsync();
                    metrics.Dispose();
                    metrics = new Metrics(relay);
                    kills++;
                }

                if (now - turned > Turn)
                {
                    turned = now;
                    await tally.RotateAsync();
                    tally.CountAside();
                }

                samples.Add(Vitals.Of(relay, metrics, now.TotalSeconds, kills));
                Assert.False(load.HasExited, load.Transcript);
                await looks.WaitForNextTickAsync(TestContext.Current.CancellationToken);
            }

            await RecoverAsync();
            JsonElement report = await load.EndAsync(TimeSpan.FromMinutes(LongForm.Wanted ? 15 : 2));
            long waiting = (long)metrics.Value("relay_queue_recipients");
            metrics.Dispose();
            Assert.Equal(0, await relay.StopAsync());
            tally.CountRest();
            await using ToolProcess verified = await RelayProcess.CommandAsync("spool", "verify", Path.Combine(relay.Folder, "spool"));
            Tell(report, samples, tally, relay.Errors, kills, phases + 1, cutting.Cuts, waiting);

            JsonElement ledger = report.GetProperty("ledger");
            Assert.Equal(0, ledger.GetProperty("lost").GetInt64());
            Assert.Equal(0, ledger.GetProperty("altered").GetInt64());
            Assert.Equal(0, ledger.GetProperty("untracked").GetInt64());
            Assert.Equal(0, waiting);
            Assert.True(verified.ExitCode == 0, verified.Transcript);
            Assert.Equal(0, tally.Count("bounced") + tally.Count("expired") + tally.Count("dead_letter"));
            Assert.InRange(tally.Torn, 0, kills);
            // Behind a cut a message comes again, and behind a kill what was delivered in the moment before.
            Assert.InRange(ledger.GetProperty("copies").GetInt64(), 0, cutting.Cuts + (kills * Rate));
            if (Minutes >= 30)
            {
                AssertFlat([.. samples.Skip(samples.Count / 10)]);
            }

            Assert.All(relay.Errors, static line => Assert.Contains(Kind(line), ExpectedLines));
        }
        finally
        {
            await silent.DisposeAsync();
        }

        CuttingProxy Well() => new(new IPEndPoint(IPAddress.Parse(SilentAddress), port), sink);

        async Task RecoverAsync()
        {
            dns.Ill = StubDns.Illness.None;
            cutting.Share = 0;
            await silent.DisposeAsync();
            silent = Well();
        }
    }

    private static void Tell(JsonElement report, List<Vitals> samples, DeliveryTally tally, IReadOnlyList<string> log, int kills, int phases, int cuts, long waiting)
    {
        JsonElement ledger = report.GetProperty("ledger");
        Report(string.Create(Invariant, $"{Minutes:0.##} minutes at {Rate}/s: {ledger.GetProperty("sent")} sent, {ledger.GetProperty("acknowledged")} acknowledged, {ledger.GetProperty("arrived")} arrived, {ledger.GetProperty("lost")} lost, "
            + $"{ledger.GetProperty("altered")} altered, {ledger.GetProperty("duplicated")} duplicated ({ledger.GetProperty("copies")} copies), {ledger.GetProperty("ghosts")} ghosts; {waiting} wait at the end"));
        Report(string.Create(Invariant, $"{kills} kills; {phases} phases of faults, DNS in turn {string.Join(", ", Illnesses)} for {FirstSilent - FirstDnsTrouble} of {Domains} domains, a server dead in turn by {string.Join(", ", Deaths)} for {FirstCut - FirstSilent}, "
            + $"{cuts} connections cut behind a message for {Domains - FirstCut}"));
        foreach (JsonProperty latency in report.GetProperty("latency").EnumerateObject())
        {
            Report(string.Create(Invariant, $"{latency.Name}: p50 {Milliseconds(latency, "p50_us"):0.0} ms, p99 {Milliseconds(latency, "p99_us"):0.0} ms, at most {Milliseconds(latency, "max_us"):0} ms"));
        }

        Report(string.Create(Invariant, $"from 250 to delivered: without trouble p50 {tally.Well.At(0.5):0} ms, p99 {tally.Well.At(0.99):0} ms, oldest {tally.Well.Most} ms ({tally.Well.Count}); with trouble p50 {tally.Troubled.At(0.5):0} ms, "
            + $"p99 {tally.Troubled.At(0.99):0} ms, oldest {tally.Troubled.Most} ms ({tally.Troubled.Count})"));
        Report(string.Create(Invariant, $"delivery log: received {tally.Count("received")}, delivered {tally.Count("delivered")}, deferred {tally.Count("deferred")}, {tally.Rotations} rotations, {tally.Torn} torn lines"));
        foreach (IGrouping<int, Vitals> life in samples.GroupBy(static s => s.Life))
        {
            Vitals[] all = [.. life];
            Vitals[] settled = [.. all.Skip(all.Length / 10)];
            Report(string.Create(Invariant, $"life {life.Key + 1}: {all.Length} looks; {Trend("RSS KiB", settled, static v => v.Memory / 1024.0)}; {Trend("descriptors", settled, static v => v.Files)}; {Trend("threads", settled, static v => v.Threads)}; "
                + $"{Trend("spool KiB", settled, static v => v.Spool / 1024.0)}; {Trend("waiting", settled, static v => v.Waiting)}; GC pauses {all[^1].Pauses:0.000} s in all"));
        }

        Vitals[] late = [.. samples.Skip(samples.Count / 10)];
        Report(string.Create(Invariant, $"whole run: {Trend("RSS KiB", late, static v => v.Memory / 1024.0)}; {Trend("descriptors", late, static v => v.Files)}; {Trend("threads", late, static v => v.Threads)}; {Trend("spool KiB", late, static v => v.Spool / 1024.0)}; "
            + $"greatest delivery log {samples.Max(static s => s.Log) / 1024} KiB; greatest pause of the collector between two looks {Vitals.PausesBetween(samples).DefaultIfEmpty().Max() * 1000:0.0} ms; most waiting {samples.Max(static s => s.Waiting)}"));
        Report(string.Create(Invariant, $"log lines: {string.Join(", ", log.GroupBy(Kind).Select(static g => $"{g.Key} {g.Count()}"))}"));
    }

    /// <summary>A leak of an octet for each message would be 70 KiB a minute; what the collector leaves lying for a while comes and goes by ten times as much.</summary>
    private static void AssertFlat(Vitals[] samples)
    {
        Assert.InRange(Vitals.Slope(samples, static v => v.Memory / 1024.0), double.NegativeInfinity, 512);
        Assert.InRange(Vitals.Slope(samples, static v => v.Files), double.NegativeInfinity, 0.5);
        Assert.InRange(Vitals.Slope(samples, static v => v.Threads), double.NegativeInfinity, 0.5);
        Assert.InRange(Vitals.Slope(samples, static v => v.Spool / 1024.0 / 1024), double.NegativeInfinity, 4);
    }

    private static string Trend(string what, Vitals[] samples, Func<Vitals, double> of) => string.Create(Invariant,
        $"{what} {of(samples[0]):0} to {of(samples[^1]):0}, most {samples.Max(of):0}, {Vitals.Slope(samples, of):+0.0;-0.0}/min");

    private static double Milliseconds(JsonProperty latency, string name) => latency.Value.GetProperty(name).GetDouble() / 1000;

    private static void Report(string text) => Figure.Report("NET13: " + text);

    /// <summary>The level and the number of a line of the log; all of a line that isn't of its form.</summary>
    private static string Kind(string line) => LogLine().Match(line) is { Success: true } match ? $"{match.Groups["level"].Value} {match.Groups["category"].Value}" : line;

    private static double Number(string variable, double usual) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? double.Parse(text, CultureInfo.InvariantCulture) : usual;

    /// <summary>From 0; smtp-blaster begins with d1. -1: not one of them.</summary>
    private static int NumberOf(string domain) => Digits().Match(domain) is { Success: true } match ? int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture) - 1 : -1;

    private static bool IsTroubled(string domain) => NumberOf(domain) >= FirstDnsTrouble;

    private static bool HasDnsTrouble(string name) => NumberOf(name) is >= FirstDnsTrouble and < FirstSilent;

    [GeneratedRegex(@"^d(?<number>\d+)\.soak\.test$", RegexOptions.NonBacktracking)]
    private static partial Regex Digits();

    /// <summary>As "warn relay[316]".</summary>
    [GeneratedRegex(@"^\S+ (?<level>\w+): (?<category>[^ ]+) ", RegexOptions.NonBacktracking)]
    private static partial Regex LogLine();

    private static string? ExchangerOf(string name) => NumberOf(name) switch
    {
        >= FirstCut and < Domains => "cut.mx.test",
        >= FirstSilent and < FirstCut => "silent.mx.test",
        >= 0 and < FirstSilent => "well.mx.test",
        _ => null,
    };

    private static string? AddressOf(string name) => name switch
    {
        "well.mx.test" => SinkAddress,
        "silent.mx.test" => SilentAddress,
        "cut.mx.test" => CutAddress,
        _ => null,
    };
}

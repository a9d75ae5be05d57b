using System.CommandLine;
using System.Net;
using SmtpBlaster.Options;
using SmtpBlaster.Report;
using SmtpBlaster.Sink;
using SmtpBlaster.Source;
using SmtpBlaster.Trial;
using static SmtpBlaster.CommandResult;

namespace SmtpBlaster;

/// <summary>`smtp-blaster run`: source, relay and sink in one go, with a ledger. Exit status 1 when anything was lost or altered.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var relay = new Argument<string[]>("RELAY-COMMAND") { Description = "Behind --: the relay's program and its arguments. Without it, the relay runs already.", Arity = ArgumentArity.ZeroOrMore };
        var target = Text("--target", "Where the relay takes mail.", "HOST:PORT", "127.0.0.1:2525");
        var listen = Text("--sink", "Where the sink listens: the relay must deliver to there.", "HOST:PORT", "127.0.0.1:2600");
        var settle = Text("--settle", "What was acknowledged is lost when for so long nothing has arrived.", "DURATION", "30s");
        var linger = Text("--linger", "How long duplicates are watched for when everything has arrived.", "DURATION", "1s");
        var startTimeout = Text("--start-timeout", "How long the relay may take until it takes connections.", "DURATION", "30s");
        var relayLog = new Option<string?>("--relay-log") { Description = "What the relay prints goes to this file; to standard error without.", HelpName = "FILE" };
        var sourceSettings = new SourceSettings();
        var sinkSettings = new SinkSettings("--sink-");
        var output = new ReportOutput();
        var run = new Command("run", "Starts a relay between a source and a sink, and tells what was sent, acknowledged, arrived, lost, duplicated and altered.") { relay, target, listen, settle, linger, startTimeout, relayLog };
        sourceSettings.AddTo(run);
        sinkSettings.AddTo(run);
        output.AddTo(run);
        run.SetAction((parsed, _) =>
        {
            SourceOptions? source = null;
            SinkOptions? sink = null;
            IPEndPoint sinkAddress = new(IPAddress.Loopback, 0);
            long settleTime = 0, lingerTime = 0, startTime = 0;
            string? wrong = Target.Parse(parsed.GetValue(target)!, SourceCommand.SmtpPort, out IPEndPoint endpoint) ?? Target.Parse(parsed.GetValue(listen)!, SourceCommand.SmtpPort, out sinkAddress)
                ?? Quantity.Duration(parsed.GetValue(settle)!, out settleTime) ?? Quantity.Duration(parsed.GetValue(linger)!, out lingerTime) ?? Quantity.Duration(parsed.GetValue(startTimeout)!, out startTime)
                ?? sourceSettings.Read(parsed, endpoint, SourceCommand.NewRun(), out source)
                ?? sinkSettings.Read(parsed, [sinkAddress], long.MaxValue, source!.Interval, out sink);
            if (wrong is not null)
            {
                return Task.FromResult(Fail(Wrong, wrong));
            }

            var options = new TrialOptions(source!, sink!)
            {
                Relay = parsed.GetValue(relay) ?? [],
                RelayLog = parsed.GetValue(relayLog),
                Settle = Span(settleTime),
                Linger = Span(lingerTime),
                StartTimeout = Span(startTime),
            };
            return RunAsync(parsed, options, [.. sourceSettings.Describe(parsed, source!), .. sinkSettings.Describe(parsed, sink!), new("relay", options.Relay.Count == 0 ? "not started here" : string.Join(' ', options.Relay))], output);
        });
        return run;
    }

    private static async Task<int> RunAsync(ParseResult parsed, TrialOptions options, IReadOnlyList<KeyValuePair<string, string>> settings, ReportOutput output)
    {
        using var signals = new Signals();
        RelayTrial? trial = null;
        var progress = new Progress("messages") { More = () => FormattableString.Invariant($"  {trial?.Ledger.Arrived ?? 0} of {trial?.Ledger.Acked ?? 0} recipients arrived") };
        trial = new RelayTrial(options, progress.Show);
        DateTimeOffset started = TimeProvider.System.GetUtcNow();
        double cpu = Cpu.OfThisProcess();
        TrialResult result;
        try
        {
            result = await trial.RunAsync(signals.Stop).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            return Fail(CouldNotRun, e.Message);
        }

        progress.End();
        RunReport sent = SourceCommand.Report("run", result.Source, started, trial.Points);
        RunReport report = sent with
        {
            Settings = settings,
            Counts = [.. sent.Counts, .. SinkCommand.Counts(result.Sink.Counters)],
            Latencies = [.. sent.Latencies, new("submission to arrival", result.Sink.Latency)],
            Replies = [.. sent.Replies, .. result.Sink.Replies.All().Select(static r => KeyValuePair.Create("sink", r))],
            Arrival = result.Arrival,
            Remarks = [.. sent.Remarks, .. SinkCommand.Remarks(result.Sink.Counters), .. result.Remarks,
                .. signals.Stop.IsCancellationRequested ? ["stopped by a signal: what is lost by this account may only have been under way"] : Array.Empty<string>()],
            Ledger = result.Ledger,
            Cpu = [new("cpu of source and sink", Cpu.OfThisProcess() - cpu), .. options.Relay.Count > 0 ? [new("cpu of the relay", result.RelayCpu)] : Array.Empty<KeyValuePair<string, double>>()],
        };
        int status = output.Write(parsed, report, Fine);
        return !result.Ledger.IsClean ? Fail(Wrong, TextReport.Sentence(result.Ledger))
            : result.Source.GaveUp is { } why ? Fail(CouldNotRun, $"{options.Source.Target} can't be used: {why}") : status;
    }

    private static TimeSpan Span(long nanoseconds) => TimeSpan.FromTicks(nanoseconds / 100);

    private static Option<string> Text(string name, string description, string help, string standard) =>
        new(name) { Description = description, HelpName = help, DefaultValueFactory = _ => standard };
}

using System.CommandLine;
using System.Net;
using SmtpBlaster.Net;
using SmtpBlaster.Options;
using SmtpBlaster.Report;
using SmtpBlaster.Sink;
using static SmtpBlaster.CommandResult;

namespace SmtpBlaster;

/// <summary>`smtp-blaster sink`.</summary>
internal static class SinkCommand
{
    public static Command Create()
    {
        var listen = new Argument<string[]>("LISTEN") { Description = "Where it listens: HOST:PORT or :PORT, port 0 for any; 127.0.0.1:2600 without.", Arity = ArgumentArity.ZeroOrMore };
        var count = new Option<long?>("--count", "-n") { Description = "Ends after so many messages.", HelpName = "N" };
        var interval = new Option<string>("--interval") { Description = "The length of the report's intervals.", HelpName = "DURATION", DefaultValueFactory = static _ => "1s" };
        var settings = new SinkSettings("--");
        var output = new ReportOutput();
        var sink = new Command("sink", "Takes mail, checks what it can of it, and keeps none; ends with Ctrl-C or SIGTERM. Its first line says where it listens.") { listen, count, interval };
        settings.AddTo(sink);
        output.AddTo(sink);
        sink.SetAction((parsed, _) =>
        {
            var addresses = new List<IPEndPoint>();
            string? wrong = null;
            foreach (string text in parsed.GetValue(listen) is { Length: > 0 } given ? given : ["127.0.0.1:2600"])
            {
                string? wrongAddress = Target.Parse(text, SourceCommand.SmtpPort, out IPEndPoint address);
                wrong ??= wrongAddress;
                addresses.Add(address);
            }

            long length = 0;
            SinkOptions? options = null;
            wrong ??= (parsed.GetValue(count) < 1 ? "--count is 1 at least" : null) ?? Quantity.Duration(parsed.GetValue(interval)!, out length) ?? (length < 10_000_000 ? "--interval is 10ms at least" : null)
                ?? settings.Read(parsed, addresses, parsed.GetValue(count) ?? long.MaxValue, length, out options);
            return wrong is null ? RunAsync(parsed, settings, options!, output) : Task.FromResult(Fail(Wrong, wrong));
        });
        return sink;
    }

    public static IReadOnlyList<KeyValuePair<string, long>> Counts(SinkCounters counters) =>
    [
        new("messages taken", counters.Messages),
        new("recipients taken", counters.Recipients),
        new("altered", counters.Altered),
        new("duplicates", counters.Duplicates),
        new("without marker", counters.Unmarked),
        new("sink connections", counters.Connections),
        new("sink connections refused", counters.ConnectionsRefused),
        new("sink connections lost", counters.ConnectionsLost),
    ];

    public static IReadOnlyList<string> Remarks(SinkCounters counters) => counters.OutOfFiles == 0
        ? []
        : [FormattableString.Invariant($"the sink had no file descriptor for a connection ({counters.OutOfFiles} times; it may have {Linux.FilesLimit()}): raise \"ulimit -n\", or have fewer connections")];

    private static async Task<int> RunAsync(ParseResult parsed, SinkSettings settings, SinkOptions options, ReportOutput output)
    {
        using var signals = new Signals();
        var progress = new Progress("messages");
        DateTimeOffset started = TimeProvider.System.GetUtcNow();
        var run = new SinkRun(options, progress.Show);
        double cpu = Cpu.OfThisProcess();
        try
        {
            run.Start();
        }
        catch (IOException e)
        {
            return Fail(CouldNotRun, e.Message);
        }

        await Console.Error.WriteLineAsync("ready " + string.Join(' ', run.Addresses)).ConfigureAwait(false);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (signals.Stop.Register(() => stopped.TrySetResult()).ConfigureAwait(false))
        {
            await run.WaitAsync(Task.WhenAny(stopped.Task, run.Enough)).ConfigureAwait(false);
        }

        SinkResult result = await run.StopAsync().ConfigureAwait(false);
        progress.End();
        var report = new RunReport
        {
            Title = "sink",
            Started = started,
            Elapsed = result.Elapsed,
            Messages = result.Counters.Messages,
            Octets = result.Counters.Octets,
            Settings = settings.Describe(parsed, options),
            Counts = Counts(result.Counters),
            Latencies = [new("submission to arrival", result.Latency)],
            Replies = [.. result.Replies.All().Select(static r => KeyValuePair.Create("sink", r))],
            Remarks = Remarks(result.Counters),
            Points = run.Timeline.Points,
            Cpu = [new("cpu", Cpu.OfThisProcess() - cpu)],
        };
        return output.Write(parsed, report, Fine);
    }
}

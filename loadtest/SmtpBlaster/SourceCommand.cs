using System.CommandLine;
using System.Net;
using System.Security.Cryptography;
using SmtpBlaster.Options;
using SmtpBlaster.Report;
using SmtpBlaster.Source;
using static SmtpBlaster.CommandResult;

namespace SmtpBlaster;

/// <summary>`smtp-blaster source`.</summary>
internal static class SourceCommand
{
    public const int SmtpPort = 25;

    public static Command Create()
    {
        var target = new Argument<string>("TARGET") { Description = "The server: HOST[:PORT], port 25 without." };
        var settings = new SourceSettings();
        var output = new ReportOutput();
        var source = new Command("source", "Sends mail to a server and measures how it is taken.") { target };
        settings.AddTo(source);
        output.AddTo(source);
        source.SetAction((parsed, _) =>
        {
            SourceOptions? options = null;
            string? wrong = Target.Parse(parsed.GetValue(target)!, SmtpPort, out IPEndPoint endpoint) ?? settings.Read(parsed, endpoint, NewRun(), out options);
            return wrong is null ? RunAsync(parsed, settings, options!, output) : Task.FromResult(Fail(Wrong, wrong));
        });
        return source;
    }

    public static uint NewRun() => BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint)));

    /// <summary>What a source's result is in a report.</summary>
    public static RunReport Report(string title, SourceResult result, DateTimeOffset started, IReadOnlyList<TimelinePoint> points) => new()
    {
        Title = title,
        Started = started,
        Elapsed = result.Elapsed,
        Messages = result.Counters.Acknowledged,
        Octets = result.Counters.Octets,
        Counts =
        [
            new("messages begun", result.Counters.Messages),
            new("acknowledged", result.Counters.Acknowledged),
            new("refused for now", result.Counters.Transient),
            new("refused for good", result.Counters.Permanent),
            new("unanswered", result.Counters.Unanswered),
            new("recipients", result.Counters.Recipients),
            new("recipients acknowledged", result.Counters.RecipientsAcknowledged),
            new("connections", result.Counters.Connections),
            new("connections failed", result.Counters.ConnectionsFailed),
            new("connections lost", result.Counters.ConnectionsLost),
        ],
        Latencies = [new("latency", result.Latency), new("connecting", result.Connecting)],
        Replies = [.. result.Replies.All().Select(static r => KeyValuePair.Create("source", r))],
        Troubles = [.. result.Troubles],
        Remarks =
        [
            .. result.Missing.Select(static m => $"the server doesn't offer {m}: sent without"),
            .. result.NotBegun > 0 ? [FormattableString.Invariant($"{result.NotBegun} messages were due and not begun, because no session was free: their waits are not in the latencies. Ask for a lower rate, or for more sessions")] : Array.Empty<string>(),
            .. result.GaveUp is { } why ? [$"given up: {why}"] : Array.Empty<string>(),
        ],
        Points = points,
    };

    private static async Task<int> RunAsync(ParseResult parsed, SourceSettings settings, SourceOptions options, ReportOutput output)
    {
        using var signals = new Signals();
        var progress = new Progress("messages");
        DateTimeOffset started = TimeProvider.System.GetUtcNow();
        var run = new SourceRun(options, null, progress.Show);
        double cpu = Cpu.OfThisProcess();
        SourceResult result = await run.RunAsync(signals.Stop).ConfigureAwait(false);
        progress.End();
        RunReport report = Report("source", result, started, run.Timeline.Points) with
        {
            Settings = settings.Describe(parsed, options),
            Cpu = [new("cpu", Cpu.OfThisProcess() - cpu)],
        };
        int status = output.Write(parsed, report, Fine);
        return result.GaveUp is { } why ? Fail(CouldNotRun, $"{options.Target} can't be used: {why}") : status;
    }
}

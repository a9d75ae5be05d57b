using System.Diagnostics;
using SmtpBlaster.Ledgers;
using SmtpBlaster.Report;
using SmtpBlaster.Sink;
using SmtpBlaster.Source;

namespace SmtpBlaster.Trial;

/// <summary>
/// A relay between our source and our sink, with one ledger over both: what was sent, acknowledged, and arrived. Starts the sink, then the relay, then the source; when the source is done it waits for what is still under way.
/// </summary>
internal sealed class RelayTrial(TrialOptions options, Action<TimelinePoint>? onPoint)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    private readonly Ledger _ledger = new() { HasNumberedAddresses = options.Source.To.TellsNumber };

    public Ledger Ledger => _ledger;

    public IReadOnlyList<TimelinePoint> Points { get; private set; } = [];

    /// <summary>Throws IOException when the sink can't listen, or the relay can't be started or doesn't take connections.</summary>
    public async Task<TrialResult> RunAsync(CancellationToken stop)
    {
        var sink = new SinkRun(options.Sink, null);
        sink.Use(options.Source.Run, _ledger);
        sink.Start();
        SinkResult? arrived = null;
        RelayUnderTest? relay = null;
        try
        {
            relay = await StartRelayAsync(stop).ConfigureAwait(false);
            double before = relay?.Cpu ?? 0;
            var source = new SourceRun(options.Source, _ledger, onPoint);
            long begun = Stopwatch.GetTimestamp();
            SourceResult sent = await source.RunAsync(stop).ConfigureAwait(false);
            Points = source.Timeline.Points;
            long last = await SettleAsync(stop).ConfigureAwait(false);
            double cpu = (relay?.Cpu ?? before) - before;
            string? remark = relay is null ? null : await relay.StopAsync().ConfigureAwait(false);
            arrived = await sink.StopAsync().ConfigureAwait(false);
            return new TrialResult(sent, arrived, _ledger.Summarize(), Math.Max(0, cpu), Stopwatch.GetElapsedTime(begun, last), remark is null ? [] : [remark]);
        }
        finally
        {
            relay?.Dispose();
            if (arrived is null)
            {
                await sink.StopAsync().ConfigureAwait(false);
            }
        }
    }

    private async Task<RelayUnderTest?> StartRelayAsync(CancellationToken stop)
    {
        if (options.Relay.Count == 0)
        {
            return null;
        }

        RelayUnderTest relay = RelayUnderTest.Start(options.Relay, options.RelayLog);
        if (await relay.WaitAsync(options.Source.Target, options.StartTimeout, stop).ConfigureAwait(false) is not { } wrong)
        {
            return relay;
        }

        relay.Dispose();
        throw new IOException(wrong);
    }

    /// <summary>Until all that was acknowledged has come, and a little longer; or until nothing comes any more. The timestamp by which the last had come, to a look of the timer.</summary>
    private async Task<long> SettleAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Poll, TimeProvider.System);
        long last = -1;
        long complete = 0;
        long since = Stopwatch.GetTimestamp();
        try
        {
            while (true)
            {
                if (_ledger.Arrived != last)
                {
                    last = _ledger.Arrived;
                    since = Stopwatch.GetTimestamp();
                }

                // What came without having been acknowledged may hide what didn't come: the sums only say when to look.
                if (complete == 0 && last >= _ledger.Acked && _ledger.Summarize().Lost == 0)
                {
                    complete = Stopwatch.GetTimestamp();
                }

                if ((complete != 0 && Stopwatch.GetElapsedTime(complete) >= options.Linger) || Stopwatch.GetElapsedTime(since) >= options.Settle)
                {
                    return since;
                }

                await timer.WaitForNextTickAsync(stop).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C: the ledger says what has come so far.
            return since;
        }
    }
}

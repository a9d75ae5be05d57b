using HdrHistogram;
using SmtpBlaster.Ledgers;
using SmtpBlaster.Net;
using SmtpBlaster.Report;

namespace SmtpBlaster.Source;

/// <summary>A whole run of a source: its loops, from the first connection to the last goodbye.</summary>
internal sealed class SourceRun
{
    private readonly SourceSchedule _schedule;
    private readonly SourceWorker[] _workers;

    public SourceRun(SourceOptions options, Ledger? ledger, Action<TimelinePoint>? onPoint)
    {
        Timeline = new Timeline(options.Threads, options.Interval, onPoint) { WarmUp = options.WarmUp };
        _schedule = new SourceSchedule(options, Timeline.Start);
        _workers = [.. Enumerable.Range(0, options.Threads).Select(i => new SourceWorker(options, _schedule, Timeline, ledger, i))];
    }

    public Timeline Timeline { get; }

    /// <summary>Runs to the end of the plan, or until it is stopped: then no message is begun any more, and what is under way is waited for, five seconds at most.</summary>
    public async Task<SourceResult> RunAsync(CancellationToken stop)
    {
        Task[] loops = [.. _workers.Select(static w => w.Start())];
        await using (stop.Register(Stop).ConfigureAwait(false))
        {
            await Task.WhenAll(loops).ConfigureAwait(false);
        }

        long elapsed = Clock.Now - Timeline.Start;
        Timeline.End();
        var counters = new SourceCounters();
        var replies = new ReplyTally();
        LongHistogram connecting = Latency.Create();
        var troubles = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (SourceWorker worker in _workers)
        {
            counters.Add(worker.Counters);
            replies.Add(worker.Replies);
            connecting.Add(worker.Connecting);
            foreach ((string what, long count) in worker.Troubles)
            {
                troubles[what] = troubles.GetValueOrDefault(what) + count;
            }

            worker.Loop.Dispose();
        }

        return new SourceResult(counters, replies, Timeline.Total, connecting, troubles, [.. _workers.SelectMany(static w => w.Missing).Distinct()],
            _workers.Select(static w => w.GaveUp).FirstOrDefault(static g => g is not null), _schedule.NotBegun, elapsed);
    }

    private void Stop()
    {
        _schedule.Stop();
        foreach (SourceWorker worker in _workers)
        {
            worker.Loop.Post(() =>
            {
                worker.Drain();
                worker.Loop.At(Clock.Now + (5 * Clock.Second), _ => worker.End());
            });
        }
    }
}

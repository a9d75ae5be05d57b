using HdrHistogram;
using SmtpBlaster.Ledgers;

namespace SmtpBlaster.Report;

/// <summary>What a run tells in the end, for all ways of telling it. Latencies in microseconds, Elapsed in nanoseconds. Names are those of the JSON.</summary>
internal sealed record RunReport
{
    public required string Title { get; init; }

    public required DateTimeOffset Started { get; init; }

    public required long Elapsed { get; init; }

    /// <summary>What was asked for.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Settings { get; init; } = [];

    public IReadOnlyList<KeyValuePair<string, long>> Counts { get; init; } = [];

    /// <summary>The first is the one that <see cref="Points"/> are about.</summary>
    public IReadOnlyList<KeyValuePair<string, LongHistogram>> Latencies { get; init; } = [];

    /// <summary>By side: what the source was told, what the sink told.</summary>
    public IReadOnlyList<KeyValuePair<string, ReplyCount>> Replies { get; init; } = [];

    public IReadOnlyList<KeyValuePair<string, long>> Troubles { get; init; } = [];

    public IReadOnlyList<string> Remarks { get; init; } = [];

    public IReadOnlyList<TimelinePoint> Points { get; init; } = [];

    public LedgerSummary? Ledger { get; init; }

    /// <summary>Processor time of this process and, when it was started here, of the relay: microseconds.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Cpu { get; init; } = [];

    /// <summary>Messages that ended well, for rates.</summary>
    public long Messages { get; init; }

    public long Octets { get; init; }

    /// <summary>How long it took until all had come to the other end; null when that isn't known.</summary>
    public TimeSpan? Arrival { get; init; }

    public double Seconds => Elapsed / 1e9;

    public double Rate => Elapsed == 0 ? 0 : Messages / Seconds;
}

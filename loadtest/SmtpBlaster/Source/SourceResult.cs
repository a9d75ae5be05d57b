using HdrHistogram;
using SmtpBlaster.Report;

namespace SmtpBlaster.Source;

/// <summary>What a run of a source came to. GaveUp: the server couldn't be used, for this reason. NotBegun: messages of an open loop that were due, and no session was free for them. Elapsed in nanoseconds.</summary>
internal sealed record SourceResult(
    SourceCounters Counters,
    ReplyTally Replies,
    LongHistogram Latency,
    LongHistogram Connecting,
    IReadOnlyDictionary<string, long> Troubles,
    IReadOnlyList<string> Missing,
    string? GaveUp,
    long NotBegun,
    long Elapsed);

using HdrHistogram;
using SmtpBlaster.Report;

namespace SmtpBlaster.Sink;

/// <summary>What a sink saw. Latency: from the moment a message says it was sent to its end here. Elapsed in nanoseconds.</summary>
internal sealed record SinkResult(SinkCounters Counters, ReplyTally Replies, LongHistogram Latency, long Elapsed);

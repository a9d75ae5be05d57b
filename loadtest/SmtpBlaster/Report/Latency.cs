using HdrHistogram;

namespace SmtpBlaster.Report;

/// <summary>Histograms of microseconds, up to an hour, to three digits.</summary>
internal static class Latency
{
    private const long Highest = 3_600_000_000;

    public static LongHistogram Create() => new(1, Highest, 3);

    public static void Record(LongHistogram histogram, long nanoseconds) => histogram.RecordValue(Math.Clamp(nanoseconds / 1000, 1, Highest));

    public static void RecordMicros(LongHistogram histogram, long micros) => histogram.RecordValue(Math.Clamp(micros, 1, Highest));

    /// <summary>0 for an empty one.</summary>
    public static long At(LongHistogram histogram, double percentile) => histogram.TotalCount == 0 ? 0 : histogram.GetValueAtPercentile(percentile);
}

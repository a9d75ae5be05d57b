namespace SmtpBlaster.Report;

/// <summary>One interval of a run: when it began and how long it was, in seconds; messages that ended well and otherwise; the latencies of the former in microseconds.</summary>
internal readonly record struct TimelinePoint(double Start, double Length, long Messages, long Failed, long P50, long P90, long P99, long P999, long Max)
{
    public double Rate => Length <= 0 ? 0 : Messages / Length;

    /// <summary>Two that follow each other as one. Of percentiles it has the worse one.</summary>
    public static TimelinePoint Join(in TimelinePoint a, in TimelinePoint b) => new(a.Start, a.Length + b.Length, a.Messages + b.Messages, a.Failed + b.Failed,
        Math.Max(a.P50, b.P50), Math.Max(a.P90, b.P90), Math.Max(a.P99, b.P99), Math.Max(a.P999, b.P999), Math.Max(a.Max, b.Max));
}

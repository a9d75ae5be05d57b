using HdrHistogram;
using SmtpBlaster.Net;

namespace SmtpBlaster.Report;

/// <summary>
/// A run cut into intervals. Each of the publishers (a loop each) hands in what it counted at the end of each interval; when all have, the interval becomes a point. Any thread. A long run has at most
/// <see cref="MostPoints"/>: then two and two are joined.
/// </summary>
internal sealed class Timeline
{
    public const int MostPoints = 1200;

    private readonly Lock _lock = new();
    private readonly int _publishers;
    private readonly Action<TimelinePoint>? _onPoint;
    private readonly SortedDictionary<long, Open> _open = [];
    private readonly List<TimelinePoint> _points = [];
    private int _joined = 1;
    private TimelinePoint _half;
    private int _halves;

    public Timeline(int publishers, long interval, Action<TimelinePoint>? onPoint)
    {
        (_publishers, Interval, _onPoint) = (publishers, interval, onPoint);
        Start = Clock.Now;
    }

    /// <summary>When interval 0 began.</summary>
    public long Start { get; }

    /// <summary>Nanoseconds.</summary>
    public long Interval { get; }

    /// <summary>Nanoseconds from the start: what was published for an interval that began earlier is a point, and not in <see cref="Total"/>.</summary>
    public long WarmUp { get; init; }

    /// <summary>Latencies of the whole run, without its warm-up.</summary>
    public LongHistogram Total { get; } = Latency.Create();

    public IReadOnlyList<TimelinePoint> Points
    {
        get
        {
            lock (_lock)
            {
                return _halves == 0 ? [.. _points] : [.. _points, _half];
            }
        }
    }

    /// <summary>What one publisher saw in an interval. The last one of a run is shorter than the others.</summary>
    public void Publish(long interval, long messages, long failed, LongHistogram latency, long length)
    {
        lock (_lock)
        {
            if (_publishers == 1)
            {
                Close(interval, new Open { Messages = messages, Failed = failed, Length = length }, latency);
                return;
            }

            if (!_open.TryGetValue(interval, out Open? open))
            {
                _open[interval] = open = new Open();
            }

            open.Messages += messages;
            open.Failed += failed;
            open.Length = Math.Max(open.Length, length);
            open.Latency.Add(latency);
            if (++open.Publishers == _publishers)
            {
                _open.Remove(interval);
                Close(interval, open, open.Latency);
            }
        }
    }

    /// <summary>Closes intervals that not all publishers have come to: the run is over.</summary>
    public void End()
    {
        lock (_lock)
        {
            foreach ((long interval, Open open) in _open)
            {
                Close(interval, open, open.Latency);
            }

            _open.Clear();
        }
    }

    private void Close(long interval, Open open, LongHistogram l)
    {
        if (interval * Interval >= WarmUp)
        {
            Total.Add(l);
        }

        var point = new TimelinePoint((double)interval * Interval / Clock.Second, (double)open.Length / Clock.Second, open.Messages, open.Failed, Latency.At(l, 50), Latency.At(l, 90), Latency.At(l, 99),
            Latency.At(l, 99.9), Latency.At(l, 100));
        _onPoint?.Invoke(point);
        _half = _halves == 0 ? point : TimelinePoint.Join(_half, point);
        if (++_halves < _joined)
        {
            return;
        }

        _halves = 0;
        _points.Add(_half);
        if (_points.Count == MostPoints)
        {
            for (int i = 0; i < MostPoints / 2; i++)
            {
                _points[i] = TimelinePoint.Join(_points[2 * i], _points[(2 * i) + 1]);
            }

            _points.RemoveRange(MostPoints / 2, MostPoints / 2);
            _joined *= 2;
        }
    }

    private sealed class Open
    {
        private LongHistogram? _latency;

        public LongHistogram Latency => _latency ??= Report.Latency.Create();

        public int Publishers { get; set; }

        public long Messages { get; set; }

        public long Failed { get; set; }

        public long Length { get; set; }
    }
}

using SmtpBlaster.Net;

namespace SmtpBlaster.Source;

/// <summary>
/// When which message goes. A closed loop sends whenever a session is free. An open loop sends at times that are fixed beforehand, whatever the server does: when all sessions are busy a message waits, and its wait counts
/// as latency, so that a server that stalls can't hide it (no coordinated omission). Any thread.
/// </summary>
internal sealed class SourceSchedule(SourceOptions options, long start)
{
    // What came due in the run's last moment isn't late.
    private const long Moment = Clock.Second / 10;

    private readonly Lock _lock = new();
    private long _messages;
    private long _numbers;
    private bool _stopped;

    public bool IsOver { get; private set; }

    /// <summary>Messages of an open loop that were due by the end and for which no session was free: latencies that nobody has measured.</summary>
    public long NotBegun { get; private set; }

    /// <summary>No more messages from now on.</summary>
    public void Stop()
    {
        lock (_lock)
        {
            _stopped = true;
            End(Clock.Now - start);
        }
    }

    /// <summary>Asks for a message with so many recipients. Later: <paramref name="due"/> says when.</summary>
    public Turn Take(long now, int recipients, out Ticket ticket, out long due)
    {
        lock (_lock)
        {
            ticket = default;
            due = options.Rate.From > 0 ? start + IntendedAt(_messages) : now;
            if (_stopped || _messages >= options.Count || now - start >= options.Duration || due - start >= options.Duration)
            {
                End(now - start);
                return Turn.Never;
            }

            if (due > now)
            {
                return Turn.Later;
            }

            ticket = new Ticket(_numbers, recipients, due);
            _messages++;
            _numbers += recipients;
            return Turn.Now;
        }
    }

    /// <summary>How many sessions there may be by now.</summary>
    public int SessionsAt(long now)
    {
        (double from, double to) = options.Sessions;
        return (int)Math.Round(options.Ramp == 0 ? to : from + ((to - from) * Math.Min(1, (double)(now - start) / options.Ramp)));
    }

    /// <summary>How many messages are due before a time, nanoseconds from the start: the inverse of <see cref="IntendedAt"/>.</summary>
    internal long DueBy(long time)
    {
        (double a, double b) = options.Rate;
        double ramp = (double)options.Ramp / Clock.Second;
        double t = Math.Max(0, (double)time / Clock.Second);
        double due = t >= ramp ? ((a + b) / 2 * ramp) + (b * (t - ramp)) : (a * t) + ((b - a) * t * t / (2 * ramp));
        return (long)Math.Min(due, options.Count);
    }

    private void End(long elapsed)
    {
        if (!IsOver)
        {
            IsOver = true;
            NotBegun = options.Rate.From > 0 ? Math.Max(0, DueBy(Math.Min(elapsed, options.Duration) - Moment) - _messages) : 0;
        }
    }

    /// <summary>
    /// Nanoseconds from the start to message n (from 0). While the rate goes from a to b within T, n(t) = a t + (b - a) t² / 2T; this is its inverse, and a straight line behind T.
    /// </summary>
    internal long IntendedAt(long n)
    {
        (double a, double b) = options.Rate;
        double ramp = (double)options.Ramp / Clock.Second;
        double inRamp = (a + b) / 2 * ramp;
        double seconds = n >= inRamp ? ramp + ((n - inRamp) / b)
            : Math.Abs(b - a) < 1e-9 ? n / a
            : (Math.Sqrt((a * a) + (2 * (b - a) / ramp * n)) - a) / ((b - a) / ramp);
        return (long)(seconds * Clock.Second);
    }
}

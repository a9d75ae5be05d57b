namespace Relay.Flow.Abuse;

/// <summary>How many lines a minute the log gets of one kind of thing that strangers can cause: what comes beyond is counted, and told with the next line that there is room for. Any thread.</summary>
internal sealed class LogBudget(TimeProvider time, int linesPerMinute)
{
    private readonly Lock _gate = new();
    private long _minute;
    private int _lines;
    private int _missed;

    /// <summary>Whether there is room for a line; <paramref name="missed"/>: for how many there was none since the last one.</summary>
    public bool TryTake(out int missed)
    {
        lock (_gate)
        {
            long minute = time.GetTimestamp() / (time.TimestampFrequency * 60);
            if (minute != _minute)
            {
                (_minute, _lines) = (minute, 0);
            }

            missed = _missed;
            if (_lines >= linesPerMinute)
            {
                _missed++;
                return false;
            }

            _lines++;
            _missed = 0;
            return true;
        }
    }
}

namespace SmtpBlaster.Report;

/// <summary>One line on a terminal that is written over and over, on standard error; nothing when it goes to a file.</summary>
internal sealed class Progress(string verb)
{
    private readonly bool _isShown = !Console.IsErrorRedirected;
    private readonly Lock _lock = new();
    private long _messages;
    private long _failed;
    private bool _written;

    /// <summary>What to say behind the rates.</summary>
    public Func<string>? More { get; init; }

    public void Show(TimelinePoint point)
    {
        if (!_isShown)
        {
            return;
        }

        lock (_lock)
        {
            _messages += point.Messages;
            _failed += point.Failed;
            string line = FormattableString.Invariant($"{point.Start + point.Length,6:0} s  {point.Rate,9:0} {verb}/s  {_messages} in all, {_failed} failed  p50 {TextReport.Duration(point.P50)}  p99 {TextReport.Duration(point.P99)}  max {TextReport.Duration(point.Max)}{More?.Invoke()}");
            Console.Error.Write("\r" + line + "\u001b[K");
            _written = true;
        }
    }

    public void End()
    {
        lock (_lock)
        {
            if (_written)
            {
                Console.Error.WriteLine();
                _written = false;
            }
        }
    }
}

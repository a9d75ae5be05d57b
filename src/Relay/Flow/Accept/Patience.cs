namespace Relay.Flow.Accept;

/// <summary>
/// What a session bears before it shows its client out with 421 (RFC 5321 §4.3.2 allows it at any time): so many refused commands, and so many that do nothing for mail.
/// A message that was accepted buys all of it back. One session's.
/// </summary>
internal struct Patience(LimitOptions limits)
{
    /// <summary>NOOP, RSET, VRFY, HELP, EHLO, HELO and MAIL between two messages; Postfix's junk command limit.</summary>
    private const int MostIdle = 100;

    /// <summary>Recipients beyond the limit that are refused without counting as errors, as a client that pipelines can't know better; Postfix's overshoot limit.</summary>
    private const int MostOvershoot = 1000;

    private int _errors;
    private int _idle;
    private int _overshoot;

    public readonly bool IsOver => _errors >= limits.Errors || _idle > MostIdle;

    public void Refused() => _errors++;

    public void Idled() => _idle++;

    public void Overshot()
    {
        if (++_overshoot > MostOvershoot)
        {
            _errors++;
        }
    }

    public void Earned()
    {
        _errors = 0;
        _idle = 0;
        _overshoot = 0;
    }
}

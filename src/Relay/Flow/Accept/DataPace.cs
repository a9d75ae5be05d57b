using Relay.Concurrency;

namespace Relay.Flow.Accept;

/// <summary>
/// How long a client may take for a message: it begins with the longest pause that is allowed, loses the time it is waited for, and gains time with each octet that comes, up to that pause.
/// So a client that sends an octet now and then runs out of it, while time that we take ourselves costs nobody anything. One message's.
/// </summary>
internal struct DataPace
{
    private readonly TimeSpan _pause;
    private readonly long _octetsPerSecond;
    private readonly TimeProvider _time;
    private TimeSpan _left;
    private long _since;

    public DataPace(LimitOptions limits, TimeProvider time)
    {
        _pause = limits.DataTimeout;
        _octetsPerSecond = limits.DataRate;
        _time = time;
        _left = _pause;
    }

    /// <summary>A read begins.</summary>
    public void Wait(Deadline deadline)
    {
        _since = _time.GetTimestamp();
        deadline.Set(_left);
    }

    /// <summary>The read gave so many octets.</summary>
    public void Got(long octets)
    {
        TimeSpan left = _left - _time.GetElapsedTime(_since) + TimeSpan.FromSeconds((double)octets / _octetsPerSecond);
        _left = left < _pause ? left : _pause;
    }
}

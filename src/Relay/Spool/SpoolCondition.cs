using Microsoft.Extensions.Logging;

namespace Relay.Spool;

/// <summary>The health of one folder, set by its threads, read by anybody. Failed is for good; Full comes and goes.</summary>
internal sealed class SpoolCondition(string folder, ILogger log)
{
    private readonly Lock _gate = new();
    private volatile SpoolHealth _health = SpoolHealth.Healthy;

    internal SpoolHealth Health => _health;

    internal bool IsFailed => _health.Status == SpoolStatus.Failed;

    /// <summary>What a new message is answered now. Our own notifications pass while the spool is merely full: a segment is kept for them.</summary>
    internal SpoolFailure Answer(bool mayUseReserve) => _health.Status switch
    {
        SpoolStatus.Healthy => SpoolFailure.None,
        SpoolStatus.Full => mayUseReserve ? SpoolFailure.None : SpoolFailure.Full,
        _ => SpoolFailure.Failed,
    };

    internal void Fail(string reason)
    {
        lock (_gate)
        {
            if (_health.Status != SpoolStatus.Failed)
            {
                _health = new SpoolHealth(SpoolStatus.Failed, reason);
                SpoolLog.Failed(log, folder, reason);
            }
        }
    }

    internal void Full(string reason)
    {
        lock (_gate)
        {
            if (_health.Status == SpoolStatus.Healthy)
            {
                _health = new SpoolHealth(SpoolStatus.Full, reason);
                SpoolLog.Full(log, folder, reason);
            }
        }
    }

    internal void SpaceAgain()
    {
        lock (_gate)
        {
            if (_health.Status == SpoolStatus.Full)
            {
                _health = SpoolHealth.Healthy;
                SpoolLog.SpaceAgain(log, folder);
            }
        }
    }
}

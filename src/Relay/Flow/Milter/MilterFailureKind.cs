namespace Relay.Flow.Milter;

/// <summary>How asking a milter failed. The metric's label.</summary>
internal enum MilterFailureKind
{
    /// <summary>No connection came about.</summary>
    Connect,
    Timeout,
    Closed,

    /// <summary>It said what no milter may say there.</summary>
    Protocol,

    /// <summary>Our own disk, while the milter was at it.</summary>
    Spool,
}

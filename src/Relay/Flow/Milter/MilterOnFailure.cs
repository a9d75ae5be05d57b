namespace Relay.Flow.Milter;

/// <summary>What mail is answered when a milter that has to be asked can't be, or says what no milter may.</summary>
public enum MilterOnFailure
{
    /// <summary>It comes again later: 451 4.7.1.</summary>
    TempFail,

    /// <summary>It is taken as if there were no such milter.</summary>
    Accept,

    /// <summary>It is refused for good: 550 5.7.1.</summary>
    Reject,
}

namespace Relay.Flow.Abuse;

/// <summary>What counting against somebody came to.</summary>
internal enum CountResult
{
    Counted,

    /// <summary>The same wrong password as the last time: no further guess.</summary>
    Repeated,

    /// <summary>He is banned, by this or before.</summary>
    Banned,
}

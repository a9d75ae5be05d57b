namespace Relay.Flow.Abuse;

/// <summary>Whether a client's password may be looked at.</summary>
internal enum LoginTurn
{
    /// <summary>Now; that it was is to be told with <see cref="AbuseGuard.Tried"/>.</summary>
    Now,

    /// <summary>Ask again a little later.</summary>
    Wait,

    /// <summary>Too many wait already.</summary>
    Busy,

    Banned,
}

namespace Relay.Flow.Abuse;

/// <summary>What is counted against a client.</summary>
public enum Offence
{
    None,

    /// <summary>A log-in with a wrong name or password.</summary>
    Login,

    /// <summary>A recipient that doesn't exist.</summary>
    Recipient,

    /// <summary>Another command that was refused.</summary>
    Command,

    /// <summary>A connection: counted against its rate alone.</summary>
    Connection,
}

namespace Relay.Flow.Send;

/// <summary>How far a failure reaches, and so what is tried next.</summary>
internal enum FailureScope
{
    /// <summary>This connection only: what was not handed over may go over another one, also to the same host.</summary>
    Connection,

    /// <summary>This host: the next one may do.</summary>
    Host,

    /// <summary>This message, for all of its recipients that have no outcome yet: the connection goes on with the next one.</summary>
    Message,

    /// <summary>One recipient: the others go on.</summary>
    Recipient,
}

namespace Relay.Flow.Send;

/// <summary>How far a failure reaches, and so what is tried next.</summary>
internal enum FailureScope
{
    /// <summary>This connection only: the message was not handed over, another connection may do.</summary>
    Connection,

    /// <summary>This host: the next one may do.</summary>
    Host,

    /// <summary>The message was sent whole and the answer never came: it may have arrived, so it is not tried again at once elsewhere.</summary>
    Unconfirmed,
}

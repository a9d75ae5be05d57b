namespace Relay.Flow.Accept;

/// <summary>Why a client's connection ended: the metric's label and the log's word.</summary>
internal enum ConnectionEnd
{
    Quit,
    ClientClosed,
    ClientReset,
    IdleTimeout,
    WriteTimeout,
    TooManyConnections,
    TooManyErrors,
    ProtocolViolation,
    TlsFailed,

    /// <summary>Too many handshakes were under way.</summary>
    TlsBusy,

    /// <summary>A milter wanted it closed (421).</summary>
    Filtered,
    EarlyTalker,
    Banned,
    Stopping,
    Fault,
}

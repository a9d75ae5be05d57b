namespace Relay.Flow.Send;

/// <summary>A connection that is ready for MAIL, or why there is none.</summary>
internal readonly record struct ConnectResult(OutboundConnection? Connection, AttemptFailure? Failure);
